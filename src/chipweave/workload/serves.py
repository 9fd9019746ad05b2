"""What a task of a scenario serves: a step of a language model, of how many sequences, behind how many tokens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chipweave.errors import InputError
from chipweave.plain import settle


class Phase(StrEnum):
    """`prefill` takes a prompt in one pass; `decode` makes one more token."""

    PREFILL = "prefill"
    DECODE = "decode"


@dataclass(frozen=True, slots=True)
class Serves:
    """One sample of the task's model is this step; a task of several samples has as many groups of sequences.

    Args:
        of: the language model, by the name or the file of its configuration.
        sequences: of a step.
        prompt, output: tokens of each sequence that come in and go out; 0: not said.
        context: tokens of each that are cached before the step.
        routing, absorbed, bytes_per_element: what else its import was told (`chipweave.from_hf`).

    Raises:
        InputError: lengths that the phase does not have, or that are out of range.
    """

    of: str
    phase: Phase
    sequences: int = 1
    prompt: int = 0
    output: int = 0
    context: int = 0
    routing: str = "uniform"
    absorbed: bool | None = None
    bytes_per_element: int | None = None

    def __post_init__(self) -> None:
        settle(self, "what a task serves")
        lengths = {"prompt": self.prompt, "output": self.output, "context": self.context}
        wrong = [f"{name}={value} is negative; leave it out" for name, value in lengths.items() if value < 0]
        if self.sequences < 1:
            wrong.append(f"batch={self.sequences} is not at least 1")
        if self.prefills and not self.prompt:
            wrong.append("prefill needs the length of the prompt; give `prompt`")
        if self.prefills and self.output:
            wrong.append(f"output={self.output}: prefill has none; leave it out")
        if not self.prefills and (self.prompt > 0) != (self.output > 0):
            wrong.append("a prompt and an output say together at which step of an answer decode is; give both or none")
        if not self.prefills and self.output:
            wrong += self._beside_the_answer()
        if wrong:
            raise InputError(wrong)

    def _beside_the_answer(self) -> list[str]:
        first, last = self.prompt, self.prompt + self.output - 2
        if self.output < 2:
            return [f"output={self.output}: prefill makes the first token, and decode has no step; give at least 2"]
        if not first <= self.context <= last:
            return [f"context={self.context} is at no step of this answer, behind {first} to {last}; leave it out"]
        return []

    @property
    def prefills(self) -> bool:
        return self.phase is Phase.PREFILL

    @property
    def tokens(self) -> int:
        """Of one step: of prefill those of the prompts, which come in; of decode those that go out."""
        return self.sequences * (self.prompt if self.prefills else 1)


def middle_of(prompt: int, output: int) -> int:
    """Tokens that are cached at the step in the middle of an answer: prefill makes the first token, so the steps of
    decode are behind `prompt` to `prompt + output - 2`."""
    return (2 * prompt + output - 2) // 2
