"""Where suites and baselines are found: the working folder first, then the package.

Reads: folder listings.  Gives: paths.
Depends on: errors.
"""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import UsageError, did_you_mean

PACKAGE = Path(__file__).resolve().parent.parent


def roots(kind: str) -> list[Path]:
    """Folders named `suites` or `baselines`, in the order they are searched.

    The installed wheel carries them in `shipped/`; a source checkout has them beside the package.
    """
    folders = [Path.cwd() / kind, PACKAGE / "shipped" / kind]
    if (PACKAGE.parent / "pyproject.toml").is_file():
        folders.append(PACKAGE.parent / kind)
    seen: dict[Path, None] = {}
    for folder in folders:
        if folder.is_dir():
            seen.setdefault(folder.resolve())
    return list(seen)


def is_file(path: Path) -> bool:
    """Whether a path is a file; False also for a name that no file system takes."""
    try:
        return path.is_file()
    except OSError:
        return False


def find_suite(reference: str) -> Path:
    """The suite.yaml that a reference means: a file, a folder, or a name under `suites/`.

    Raises UsageError with the nearest known name.
    """
    path = Path(reference)
    if is_file(path):
        return path
    if is_file(path / "suite.yaml"):
        return path / "suite.yaml"
    for root in roots("suites"):
        for candidate in (root / reference / "suite.yaml", root / f"{reference}.yaml"):
            if is_file(candidate):
                return candidate
    known = list(suite_names())
    near = did_you_mean(reference, known)
    raise UsageError(
        f"no suite '{reference}'",
        where=f"searched {', '.join(str(root) for root in roots('suites')) or 'nowhere'}",
        mend=near or "`evalharness list suites` names them; `evalharness init` writes a new one",
    )


def suite_names() -> dict[str, Path]:
    """Suites by name, the working folder's before the package's."""
    found: dict[str, Path] = {}
    for root in roots("suites"):
        for path in sorted(root.glob("*/suite.yaml")):
            found.setdefault(path.parent.name, path)
    return found


def baseline_names() -> dict[str, Path]:
    """Baselines by name: `baselines/<name>.yaml` and `baselines/<suite>/<name>.yaml`."""
    found: dict[str, Path] = {}
    for root in roots("baselines"):
        for path in sorted(root.glob("**/*.yaml")):
            found.setdefault(str(path.relative_to(root).with_suffix("")), path)
    return found
