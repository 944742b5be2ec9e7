"""Random numbers that are the same on every run: seeded when, and only when, they are imported.

Reads: a seed.  Gives: seed_on_import().
Depends on: the standard library.  Runs in every program and in the checker.

The module `random` brings four libraries that most programs never use; loading it in the zygote
would make every fork dearer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder  # not importlib.abc: it brings 40 modules
from types import ModuleType
from typing import Any, Final

_SEEDED: Final = ("random", "numpy")

seed = -1
"""The seed in force; none of a task is negative."""


class _SeedingLoader:
    """Loads a module as its own loader would, then seeds it."""

    def __init__(self, loader: Any) -> None:  # Any: whatever loader the finder found
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the own loader does."""
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        """As the own loader does, and seed; each fork gets a seed of its own, always the same."""
        theirs = os.register_at_fork
        os.register_at_fork = lambda **_: None  # `random` would draw from the system after a fork
        try:
            self._loader.exec_module(module)
        finally:
            os.register_at_fork = theirs
        seed_module(module)
        if module.__name__ == "random":
            os.register_at_fork(after_in_child=lambda: module.seed(seed * 1_000_003 + os.getpid()))


class _SeedingFinder:
    """Finds the modules that want a seed, the way they are found otherwise."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec with a loader that seeds; None for every other module."""
        if name not in _SEEDED:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _SeedingLoader(spec.loader)  # type: ignore[assignment]  # duck-typed
        return spec


def seed_module(module: ModuleType) -> None:
    """Seed one of the modules that have random numbers of their own."""
    if module.__name__ == "random":
        module.seed(seed)
    elif module.__name__ == "numpy":
        module.random.seed(seed % (1 << 32))


def seed_on_import(number: int) -> None:
    """Seed what is imported already with `number`, and the rest when it is."""
    global seed
    if seed < 0:
        sys.meta_path.insert(0, _SeedingFinder())
    seed = number
    for name in _SEEDED:
        if name in sys.modules:
            seed_module(sys.modules[name])
