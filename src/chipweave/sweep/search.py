"""A search of a sweep's points instead of all of them, by Optuna.

Points are chosen a generation at a time, from what all generations before came to, with a seed of its own: the same
file gives the same points whatever the number of workers, and after any interruption. Trials that are over are logged
in Optuna's tables, which stand in the store's database, so that Optuna's own tools show them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chipweave.errors import InputError
from chipweave.files.sweep_file import Axis, SearchSpec, Sweep
from chipweave.store.point import Point
from chipweave.store.store import Store
from chipweave.sweep.axes import Choice, Points
from chipweave.sweep.run import CLAIM_S, Client, Hear, case_point, with_workers
from chipweave.sweep.standing import Standing
from chipweave.sweep.workers import Workers

Figures = Mapping[str, Mapping[str, Any]]


def search(
    sweep: Sweep,
    store: Store,
    workers: Callable[[int], Workers],
    *,
    retry_failed: bool = False,
    hear: Hear = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Standing:
    """Search as the file says, and answer every case that is chosen.

    Args:
        workers, retry_failed, hear, stop: as `chipweave.sweep.run.run_sweep` has them.

    Raises:
        InputError: Optuna is missing; a chosen point is no case; the database or the workers are gone.
    """
    optuna = _optuna()
    spec = sweep.spec.search
    assert spec is not None
    points = Points(sweep)
    store.add_sweep(sweep.name, sweep.document, [])
    study = optuna.create_study(directions=["minimize"] * len(spec.minimise))
    client = Client(
        store,
        lambda _: workers(spec.generation),
        hear,
        stop,
        Standing(sweep.name),
        store.now() if retry_failed else "",
    )

    def work() -> None:
        for first in range(0, spec.trials, spec.generation):
            if stop():
                return
            count = min(spec.generation, spec.trials - first)
            study.sampler = _sampler(optuna, spec, first)
            asked = [(trial, _chosen(trial, sweep.axes)) for trial in (study.ask() for _ in range(count))]
            keys = _answered(client, points, first, [choice for _, choice in asked])
            if stop():
                return
            _tell(study, [trial for trial, _ in asked], keys, _figures(store, keys), spec)
            _log(optuna, client, study, sweep)

    with_workers(client, work)
    return client.standing


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError(f"search: needs Optuna ({error}); install it with: pip install 'chipweave[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def _sampler(optuna: Any, spec: SearchSpec, first: int) -> Any:
    """Who chooses the generation that begins with a trial."""
    seed = (spec.seed + first) % 2**32
    if spec.method == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=spec.generation, seed=seed)
    return optuna.samplers.TPESampler(n_startup_trials=spec.generation, seed=seed)


def _chosen(trial: Any, axes: Sequence[Axis]) -> Choice:
    """Per axis the number of a value: of numbers in order a whole number, which has neighbours; else one of a set."""
    return tuple(
        trial.suggest_int(axis.path, 0, len(axis.values) - 1)
        if _ordered(axis.values)
        else trial.suggest_categorical(axis.path, list(range(len(axis.values))))
        for axis in axes
    )


def _ordered(values: Sequence[Any]) -> bool:
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return numbers and list(values) in (sorted(values), sorted(values, reverse=True))


def _answered(client: Client, points: Points, first: int, choices: Sequence[Choice]) -> list[str | None]:
    """The keys of a generation's points, all of them answered or failed; None of one that `where` leaves out."""
    sweep, store = points.sweep, client.store
    made: list[Point | None] = [
        case_point(points, first + number, choice) if points.keeps(choice) else None
        for number, choice in enumerate(choices)
    ]
    kept = [point for point in made if point is not None]
    store.add_sweep(sweep.name, sweep.document, kept)
    cases = {point.key: point.case for point in kept}
    over = store.finished(cases)
    if not client.failed_before:
        over |= store.failed(cases).keys()
    new = client.standing.cases + len(cases)
    client.standing = replace(client.standing, cases=new, known=client.standing.known + len(over))
    client.answer([key for key in cases if key not in over], cases.__getitem__)
    return [None if point is None else point.key for point in made]


def _figures(store: Store, keys: Sequence[str | None]) -> Figures:
    return store.figures_of([key for key in keys if key is not None])


def _tell(study: Any, trials: Sequence[Any], keys: Sequence[str | None], figures: Figures, spec: SearchSpec) -> None:
    """What became of a generation, in its order. A point without a case, an answer or a figure has failed."""
    from optuna.trial import TrialState

    for trial, key in zip(trials, keys, strict=True):
        row = figures.get(key or "", {})
        values = [row.get(name) for name in spec.minimise]
        if row and all(value is not None for value in values):
            study.tell(trial, [float(value) for value in values])  # type: ignore[arg-type]
        else:
            study.tell(trial, state=TrialState.FAIL)


def _log(optuna: Any, client: Client, study: Any, sweep: Sweep) -> None:
    """Put the trials that are new into Optuna's tables; of several clients one does, as they all have the same."""
    key = f"search of {sweep.name}"
    if not client.store.claim([key], client.owner, CLAIM_S, 1):
        return
    spec = sweep.spec.search
    assert spec is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = optuna.storages.RDBStorage(client.store.url, engine_kwargs=_waiting(client.store.url))
            name, directions = f"chipweave {sweep.name}", ["minimize"] * len(spec.minimise)
            logged = optuna.create_study(storage=storage, study_name=name, directions=directions, load_if_exists=True)
            known = len(logged.get_trials(deepcopy=False))
            logged.add_trials(study.get_trials(deepcopy=False)[known:])
            storage.engine.dispose()
    except Exception as error:
        raise InputError(
            f"search: Optuna cannot log its trials in {client.store.where} ({type(error).__name__}: {error}); what is "
            "finished stays: run the same command again"
        ) from error
    finally:
        client.store.release([key], client.owner)


def _waiting(url: str) -> dict[str, Any]:
    """How long other writers of a file are waited for."""
    return {"connect_args": {"timeout": CLAIM_S}} if url.startswith("sqlite") else {}
