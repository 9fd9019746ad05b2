"""Claims of several owners never overlap, and end; held against a model that is a dictionary."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from chipweave.store import answers, claims
from chipweave.store import store as stores
from chipweave.store.store import Store
from tests.store.made_up import answer, failure, points
from tests.support import seeds

START = datetime(2030, 1, 1, tzinfo=UTC)


class Clock:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        for module in (answers, claims, stores):
            patch.setattr(module, "now", lambda _: START + timedelta(seconds=self.seconds))


@pytest.mark.parametrize("seed", seeds(3, 60))
def test_as_a_dictionary_has_it(new_place: Callable[[], str], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    clock = Clock(monkeypatch)
    asked = points(6)
    by_key = {point.key: point for point in asked}
    held: dict[str, tuple[str, float]] = {}
    done: set[str] = set()
    failed: dict[str, float] = {}
    with Store.open(new_place()) as store:
        store.add_sweep("s", "text", asked)
        for _ in range(60):
            clock.seconds += rng.choice([0, 1, 3])
            owner = rng.choice("abc")
            keys = rng.sample(list(by_key), rng.randint(1, 6))
            step = rng.random()
            if step < 0.5:
                at_most, for_s = rng.randint(1, 4), rng.choice([0, 2, 5])
                before_s = rng.choice([None, clock.seconds, clock.seconds - 2])
                before = "" if before_s is None else claims.stamp(START, before_s)
                free = [
                    key
                    for key in keys
                    if key not in done
                    and (key not in failed or (before_s is not None and failed[key] < before_s))
                    and (key not in held or held[key][0] == owner or held[key][1] <= clock.seconds)
                ][:at_most]
                assert store.claim(keys, owner, for_s, at_most, failed_before=before) == free
                held |= dict.fromkeys(free, (owner, clock.seconds + for_s))
            elif step < 0.6:
                store.renew(owner, 4)
                held |= {key: (who, clock.seconds + 4) for key, (who, _) in held.items() if who == owner}
            elif step < 0.75:
                store.release(keys, owner)
                held = {key: by for key, by in held.items() if key not in keys or by[0] != owner}
            elif step < 0.85:
                assert store.put(answer(by_key[keys[0]])) == (keys[0] not in done)
                done.add(keys[0])
                held.pop(keys[0], None)
            else:
                store.put_failure(failure(by_key[keys[0]]))
                failed[keys[0]] = clock.seconds
                held.pop(keys[0], None)
            assert store.finished(by_key) == done
            assert set(store.failed(by_key)) == failed.keys() - done


def test_clients_at_once_do_each_case_once(place: str) -> None:
    """Four clients, each with a store of its own, that all want the same cases."""
    asked = points(40)
    by_key = {point.key: point for point in asked}

    def client(owner: str) -> list[str]:
        did: list[str] = []
        keys = list(by_key)
        random.Random(owner).shuffle(keys)
        with Store.open(place) as store:
            store.add_sweep("s", "text", asked)
            while mine := store.claim(keys, owner, 600, 3):
                did += mine
                for key in mine:
                    assert store.put(answer(by_key[key], worker=owner))
        return did

    with ThreadPoolExecutor(4) as pool:
        every = [key for did in pool.map(client, "abcd") for key in did]
    assert Counter(every) == dict.fromkeys(by_key, 1)
    with Store.open(place) as store:
        assert store.finished(by_key) == set(by_key)


def test_more_keys_than_a_statement_takes(store: Store) -> None:
    keys = [f"key {number}" for number in range(1700)]
    assert store.claim(keys, "a", 600, 1200) == keys[:1200]
    assert store.claim(keys, "b", 600, 1200) == keys[1200:]
    assert store.claim([], "b", 600, 5) == []
    assert store.claim(["x", "x"], "b", 600, 5) == ["x"]
    store.release(keys, "a")
    assert store.claim(keys, "c", 600, 2000) == keys[:1200]
