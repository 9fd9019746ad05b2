"""What a language model is asked: prefill or a step of decode, of how many sequences, after how many tokens."""

from __future__ import annotations

from dataclasses import dataclass

from chipweave.errors import InputError
from chipweave.workload.serves import Phase

LARGEST = 2**24
"""Of tokens and sequences: far more than any model takes, and far inside 64-bit integers."""


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of the model.

    Args:
        sequences: that run together.
        tokens: new ones of each sequence.
        context: tokens of each that are cached before.
    """

    phase: Phase
    sequences: int
    tokens: int
    context: int

    @property
    def rows(self) -> int:
        return self.sequences * self.tokens

    @property
    def seen(self) -> int:
        """Tokens of a sequence, cached and new."""
        return self.context + self.tokens

    @property
    def in_words(self) -> str:
        what = f"prefill of {self.tokens} tokens" if self.phase is Phase.PREFILL else "decode of a token"
        after = f" after {self.context}" if self.context else ""
        return f"{what}{after}, {self.sequences} sequence{'s' * (self.sequences > 1)}"


def step_of(phase: Phase | str, prompt: int | None, context: int | None, batch: int) -> Step:
    """The step that a user asks for.

    Raises:
        InputError: what the phase needs is missing, what it does not know is given, or a number is out of range.
    """
    try:
        which = Phase(phase)
    except ValueError:
        raise InputError(f"phase '{phase}' is unknown; known: {', '.join(Phase)}") from None
    if which is Phase.PREFILL and prompt is None:
        raise InputError("prefill needs the length of the prompt; give --prompt TOKENS (prompt=...)")
    if which is Phase.DECODE and context is None:
        raise InputError("decode needs the tokens that are cached; give --context TOKENS (context=...)")
    if which is Phase.DECODE and prompt is not None:
        raise InputError("decode takes no prompt; what came before is --context TOKENS (context=...)")
    given = {"prompt": 1 if prompt is None else prompt, "batch": batch}
    wrong = [
        f"{name}={value} is out of range; give {least} to {LARGEST}"
        for least, numbers in ((1, given), (0, {"context": context or 0}))
        for name, value in numbers.items()
        if not least <= value <= LARGEST
    ]
    if wrong:
        raise InputError(wrong)
    step = Step(which, batch, prompt or 1, context or 0)
    if step.rows > LARGEST:
        raise InputError(
            f"{batch} sequences of {step.tokens} tokens are more than {LARGEST} rows; give fewer of either"
        )
    return step
