"""Questions answered by several processes, and kept on disk: what was answered once is not computed again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from chipweave.cost.loopnest import cache as mappings
from chipweave.errors import InfeasibleError, InputError
from chipweave.files.atomic import write_text
from chipweave.reproduction.question import Answer, Answers, Question, key_of

LOOK_EVERY_S = 0.5

MOST_BYTES = 32 * 2**20
"""Of a kept answer; a larger file is none of ours, and its question is asked again."""


def kept_in() -> Path | None:
    """The folder of answers, beside the mappings of `loopnest`; None: nowhere."""
    beside = mappings.file()
    return None if beside is None else beside.parent / "reproduction"


def answers(
    questions: Iterable[Question],
    *,
    jobs: int,
    folder: Path | None,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Answers:
    """Answer questions; each distinct one once.

    Args:
        jobs: processes; 1: this one. Answers do not depend on it.
        folder: where answers are kept, but for those to questions that could not be answered; None: nowhere.
        fresh: do not read answers of before.
        progress: called with the numbers of questions that are answered, and of all.
        stop: asked now and then; True ends with what is answered so far.
    """
    asked = list(dict.fromkeys(questions))
    found: dict[Question, Answer] = {}
    for question in asked:
        known = None if fresh or folder is None else _read(folder, key_of(question))
        if known is not None:
            found[question] = known
    tell = progress or (lambda done, total: None)
    tell(len(found), len(asked))
    missing = [question for question in asked if question not in found]
    for question, answer in _computed(missing, jobs, stop):
        found[question] = answer
        if folder is not None and "failed" not in answer:  # what failed may have been asked wrongly
            _write(folder, key_of(question), answer)
        tell(len(found), len(asked))
    return {question: found[question] for question in asked if question in found}


def _computed(questions: list[Question], jobs: int, stop: Callable[[], bool]) -> Iterable[tuple[Question, Answer]]:
    """Questions with their answers, in the order in which these come."""
    if jobs == 1 or len(questions) <= 1:
        for question in questions:
            if stop():
                return
            yield question, answer_of(question)
        return
    with ProcessPoolExecutor(min(jobs, len(questions)), get_context("spawn"), _begin) as pool:
        waiting: dict[Future[Answer], Question] = {pool.submit(answer_of, question): question for question in questions}
        while waiting:
            if stop():
                pool.shutdown(wait=False, cancel_futures=True)
            done, _ = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
            for future in done:
                question = waiting.pop(future)
                if not future.cancelled():
                    yield question, _result(future)


def _result(future: Future[Answer]) -> Answer:
    try:
        return future.result()
    except BrokenProcessPool:
        raise InputError(
            "a process that computes was ended from outside, perhaps for want of memory; what is computed is kept: "
            "go on with the same command and fewer --jobs"
        ) from None


def answer_of(question: Question) -> Answer:
    """The answer to one question as plain data, the same as if it were read from disk; or why there is none."""
    try:
        made = question.answer()
    except (InfeasibleError, InputError) as error:
        made = {"failed": str(error)}
    plain: Answer = json.loads(json.dumps(made, allow_nan=False))
    return plain


def _begin() -> None:
    """Of a process that answers: Ctrl-C is the client's affair, and one thread is enough."""
    import numba

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numba.set_num_threads(1)


def _path(folder: Path, key: str) -> Path:
    name = key.removeprefix("sha256:")
    return folder / name[:2] / f"{name}.json"


def _read(folder: Path, key: str) -> Answer | None:
    """An answer of before; None where there is none, or what is there is damaged."""
    path = _path(folder, key)
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size > MOST_BYTES:
            return None
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.get("question") == key and isinstance(document.get("answer"), dict):
            answer: Answer = document["answer"]
            return answer
    return None


def _write(folder: Path, key: str, answer: Answer) -> None:
    """Keep an answer; where nothing can be written, it is computed again next time, and nothing is said."""
    path = _path(folder, key)
    with suppress(OSError, InputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"question": key, "answer": answer}, allow_nan=False))
