"""The two ways in which chipweave says no.

Every message names what was given, where it stands, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ChipweaveError(Exception):
    """Base of all errors a user can cause; `exit_code` is what the command line returns."""

    exit_code = 2


class InputError(ChipweaveError):
    """Bad input: a file, a name, a quantity. Holds every problem found, one line each. Exit code 2.

    Args:
        problems: one line each.
        fields: of problems with the fields of one object: per problem the field, and what is wrong with it.
        path: of the file that every line says it is about.
    """

    exit_code = 2

    def __init__(
        self, problems: str | Sequence[str], *, fields: Sequence[tuple[str, str]] = (), path: str = ""
    ) -> None:
        lines = (problems,) if isinstance(problems, str) else tuple(problems)
        self.problems: tuple[str, ...] = tuple(line.replace("\n", "\\n") for line in lines)  # of names that hold one
        self.fields = tuple(fields)
        self.path = path
        super().__init__("\n".join(self.problems))


class InfeasibleError(ChipweaveError):
    """No valid schedule under the constraints, or none that was found. Exit code 1.

    Args:
        text: what is not met, by how much, and what would help.
        unmet: the same as values, each a `chipweave.plan.certificate.Unmet`; its `infeasible` makes this error.
    """

    exit_code = 1

    def __init__(self, text: str, unmet: Sequence[object] = ()) -> None:
        self.unmet = tuple(unmet)
        super().__init__(text)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown name: the closest known one, or all of them where they are few."""
    from difflib import get_close_matches

    names = [name if name.isprintable() else ascii(name) for name in known]
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return f"; known: {', '.join(names)}" if len(names) <= 12 else ""
