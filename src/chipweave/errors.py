"""The two ways in which chipweave says no.

Every message names what was given, where it stands, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Sequence


class ChipweaveError(Exception):
    """Base of all errors a user can cause; `exit_code` is what the command line returns."""

    exit_code = 2


class InputError(ChipweaveError):
    """Bad input: a file, a name, a quantity. Holds every problem found, one line each. Exit code 2."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class InfeasibleError(ChipweaveError):
    """No valid schedule exists under the constraints: demand, limit, gap and levers. Exit code 1."""

    exit_code = 1
