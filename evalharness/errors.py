"""The error tree: every refusal says what happened, where, and how to mend it.

    HarnessError
      UsageError       the command line is wrong                     exit 64
      SpecError        a suite, baseline or policy file is wrong     exit 65
      DataError        a held-out set or a recording is wrong        exit 65
      ClientError      the model could not be asked                  exit 69
        Transient      worth another try (429, 5xx, timeout)
        Permanent      not worth it (4xx, bad key)
          Fatal        nor is any other request of this run (wrong key, unknown model)
      SandboxError     the sandbox itself broke                      exit 69
      MissingExtra     an optional package is not installed          exit 69
      StoreError       a run folder is damaged or foreign            exit 3
      PairingError     two runs cannot be compared                   exit 3
      WriteError       a result cannot be written                    exit 73
      BudgetExceeded   --max-cost would be exceeded                  exit 75
      TooFewSamples    the statistics refuse                         INCONCLUSIVE

Reads: nothing.  Gives: the exceptions that every room raises.
Depends on: the standard library.  Knows nothing of the rest.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class HarnessError(Exception):
    """A refusal in three parts: what happened, where, how to mend it.

    message: one line, what happened.  where: file, line, key.  mend: what to do about it.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, where: str | None = None, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.mend:
            lines.append(f"  mend:  {self.mend}")
        return "\n".join(lines)


class UsageError(HarnessError):
    """The command line asks for something that cannot be."""

    exit_code = 64


class SpecError(HarnessError):
    """A suite, baseline or policy file is wrong."""

    exit_code = 65


class DataError(HarnessError):
    """A held-out set or a recording is wrong."""

    exit_code = 65


class ClientError(HarnessError):
    """The model could not be asked.

    kind: the failure's name in the journal, e.g. "throttle" (see `records.FAILURE_KINDS`).
    retry_after_s: how long the server asked us to wait, if it did.
    """

    exit_code = 69

    def __init__(
        self,
        message: str,
        *,
        kind: str = "unknown",
        retry_after_s: float | None = None,
        where: str | None = None,
        mend: str | None = None,
    ) -> None:
        super().__init__(message, where=where, mend=mend)
        self.kind = kind
        self.retry_after_s = retry_after_s


class Transient(ClientError):
    """Worth another try: a throttle, an overload, a timeout, a broken connection."""


class Permanent(ClientError):
    """Asking again gives the same answer: this sample has failed."""


class Fatal(Permanent):
    """No request of this run can succeed: a wrong key, an unknown model, missing payment."""


class SandboxError(HarnessError):
    """The sandbox itself broke or no backend works here; says nothing about the program."""

    exit_code = 69


class MissingExtra(HarnessError):
    """An optional package is needed and not installed.

    package: the import name.  extra: the extra of evalharness that brings it.
    """

    exit_code = 69

    def __init__(self, package: str, *, extra: str, needed_for: str) -> None:
        super().__init__(
            f"{needed_for} needs the package '{package}', which is not installed",
            mend=f"pip install 'evalharness[{extra}]'",
        )
        self.package = package
        self.extra = extra


class StoreError(HarnessError):
    """A run folder is damaged, incomplete or made by something else."""

    exit_code = 3


class PairingError(HarnessError):
    """Two runs cannot be compared: other samples, other content, other metric signatures."""

    exit_code = 3


class WriteError(HarnessError):
    """A result cannot be written: read-only folder, full disk."""

    exit_code = 73


class BudgetExceeded(HarnessError):
    """The next request could exceed --max-cost; everything answered so far is kept."""

    exit_code = 75


class TooFewSamples(HarnessError):
    """The statistics refuse: there is too little data for an honest interval."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The mend for a mistyped name: the nearest known one, or None if nothing is near.

    >>> did_you_mean("rogue_l", ["rouge_l", "bleu"])
    "did you mean 'rouge_l'?"
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else None
