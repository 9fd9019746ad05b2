"""What is put into a store is found in it again, once, on a file and on a server."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import func, select

import chipweave
from chipweave.errors import InfeasibleError, InputError
from chipweave.files.case_file import case_key, case_to_document, scenario_hash
from chipweave.files.content import content_hash
from chipweave.files.package_file import package_to_dict
from chipweave.files.scenario_file import scenario_to_dict
from chipweave.files.schedule_file import to_text
from chipweave.hardware.price import Assembly, dies_of, making
from chipweave.store.answer import Answer, Kind, answer_of, failure_of
from chipweave.store.collect import collect
from chipweave.store.content import content
from chipweave.store.engine import reading, writing
from chipweave.store.point import Point
from chipweave.store.store import Store
from chipweave.store.tables import CASES, DOCUMENTS, METADATA, POINTS, RESULTS
from tests.store.made_up import answer, failure, first, points

NAMES = ["plain", "it's", '"quoted"', "a;b -- c", "'; DROP TABLE cases; --", "100 %s %(name)s :key", "ü ∆ 名", "`[]`\\"]


def test_an_answer_is_found_again_to_the_bit(store: Store) -> None:
    asked = points(3)
    store.add_sweep("s", "text", asked)
    given = [answer(point) for point in asked]
    assert [store.put(each) for each in given] == [True, True, True]
    for found, each, point in zip(store.figures("s"), given, asked, strict=True):
        assert {name: found[name] for name in each.figures} == dict(each.figures)
        assert (found["key"], found["position"], found["axes"]) == (point.key, point.position, dict(point.axes))
        assert (found["seconds"], found["worker"], found["version"]) == (each.seconds, each.worker, each.version)
        assert found["scenario"] == point.case.scenario.name
        document = json.loads(store.schedule(point.key))
        assert document["search"] == json.loads(zlib.decompress(each.packed))["search"]
        assert document["scenario"] == scenario_to_dict(point.case.scenario)
        assert document["package"] == package_to_dict(point.case.package)
    assert [row["key"] for row in store.figures()] == sorted(point.key for point in asked)


@pytest.mark.parametrize(
    "value", [5e-324, 1.7976931348623157e308, 0.1 + 0.2, -1.0, float("inf"), 2.0**53 + 1, 1e22, None]
)
def test_figures_keep_every_bit(store: Store, value: float | None) -> None:
    (point,) = asked = points(1)
    store.add_sweep("s", "text", asked)
    made = answer(point)
    assert store.put(replace(made, figures={**made.figures, "value": value, "evaluated": 2**62}))
    (found,) = store.figures()
    assert (found["value"], found["evaluated"]) == (value, 2**62)


def test_what_is_there_stays(store: Store) -> None:
    (point,) = asked = points(1)
    store.add_sweep("s", "text", asked)
    assert store.put(answer(point, worker="first"))
    before = content(store)
    assert not store.put(answer(point, worker="second", seconds=9))
    assert content(store) == before
    assert [row["worker"] for row in store.figures()] == ["first"]


def test_a_result_of_a_search(store: Store) -> None:
    asked = first()
    key = case_key(asked)
    store.add_sweep("s", "text", [Point(0, asked, key, {})])
    result = chipweave.run(asked, jobs=1)
    store.put(answer_of(key, result, 0.1, "host:1"))
    (row,) = store.figures()
    document = json.loads(store.schedule(key))
    assert store.schedule(key) == to_text(result)
    assert row["latency_s"] == document["evaluation"]["latency_s"]
    assert row["energy_j"] == document["evaluation"]["energy_j"]
    assert row["power_w"] == document["evaluation"]["average_power_w"]
    assert (row["value"], row["gap"]) == (document["search"]["value"], document["search"]["gap"])
    assert row["lower_bound"] == document["search"]["lower_bound"]["value"]
    assert row["throughput_samples_s"] == 1 / result.evaluation.latency_s
    assert row["chiplets"] == 9
    assert row["pes"] == 9 * asked.package.chiplets[0].num_pes
    assert row["l2_bytes"] == 9 * asked.package.chiplets[0].l2_bytes
    assert (row["windows"], row["complete"]) == (len(document["schedule"]["windows"]), True)
    assert row["price_usd"] == making(dies_of(asked.package), Assembly.ORGANIC).total_usd


def test_every_document_once(store: Store) -> None:
    asked = points(5)
    store.add_sweep("s", "text", asked)
    store.add_sweep("t", "text", asked)
    with reading(store.engine) as connection:
        documents = {row.hash: row for row in connection.execute(select(DOCUMENTS))}
        cases = connection.execute(select(CASES)).all()
    assert sorted(row.kind for row in documents.values()) == ["package", "scenario"]
    assert len(cases) == 5
    for row in documents.values():
        assert content_hash(json.loads(zlib.decompress(row.body))) == row.hash
    by_key = {point.key: point.case for point in asked}
    for row in cases:
        assert json.loads(row.document) == case_to_document(by_key[row.key])
        assert content_hash(json.loads(row.document)) == row.key
        assert row.scenario_hash == scenario_hash(by_key[row.key].scenario)
        assert row.seed == by_key[row.key].seed


def test_a_sweep_may_come_in_parts_and_again(store: Store) -> None:
    asked = points(7)
    store.add_sweep("s", "text", asked[:3])
    store.add_sweep("s", "text", iter(asked[2:]))
    before = content(store)
    store.add_sweep("s", "text", asked)
    assert content(store) == before
    assert store.keys("s") == [point.key for point in asked]
    assert (store.sweeps(), store.document("s")) == (["s"], "text")


def test_points_may_be_the_same_case(store: Store) -> None:
    one, two = points(2)
    store.add_sweep("s", "text", [one, two, replace(one, position=2), replace(one, position=2)])
    store.put(answer(one))
    assert store.keys("s") == [one.key, two.key, one.key]
    assert [row["position"] for row in store.figures("s")] == [0, 2]
    assert len(list(store.figures())) == 1


def test_a_changed_sweep_is_told(store: Store) -> None:
    one, two = points(2)
    store.add_sweep("s", "text", [one])
    before = content(store)
    with pytest.raises(
        InputError, match=r"sweep 's': is in .* with another content; give the changed one another name"
    ):
        store.add_sweep("s", "other", [one])
    with pytest.raises(InputError, match="point 0 is another case"):
        store.add_sweep("s", "text", [replace(two, position=0)])
    assert content(store) == before


def test_failures_until_there_is_an_answer(store: Store) -> None:
    one, two, three = asked = points(3)
    keys = [point.key for point in asked]
    store.add_sweep("s", "text", asked)
    store.put_failure(failure(one, Kind.KILLED, "signal 9"))
    store.put_failure(failure(one, Kind.INTERNAL, "again: null \0, half \ud800, quote '"))
    store.put_failure(failure(two))
    found = store.failed(keys)
    assert sorted(found) == sorted([one.key, two.key])
    assert (found[one.key].kind, found[one.key].reason) == (Kind.INTERNAL, "again: null \\0, half \\ud800, quote '")
    assert found[one.key].at <= store.now()
    assert store.finished([*keys, "unknown"]) == set()
    store.put(answer(one))
    assert list(store.failed(keys)) == [two.key]
    assert store.finished([*keys, "unknown"]) == {one.key}
    assert three.key not in store.failed(keys)


def test_many_outcomes_at_once_or_none_of_them(store: Store) -> None:
    asked = points(5)
    store.add_sweep("s", "text", asked[:4])
    keys = [point.key for point in asked]
    store.claim(keys, "me", 60, 5)
    store.put(answer(asked[0], worker="first"))
    before = content(store)
    with pytest.raises(InputError, match=f"case {keys[4]}: is in no sweep"):
        store.put_all([answer(asked[1]), failure(asked[2]), answer(asked[4])])
    assert content(store) == before
    assert store.claim(keys[1:2], "somebody else", 60, 1) == []
    outcomes = [answer(asked[1], worker="one"), failure(asked[2]), answer(asked[0]), answer(asked[1], worker="two")]
    assert store.put_all(outcomes) == {keys[1]}
    assert [row["worker"] for row in store.figures("s")] == ["first", "one"]
    assert list(store.failed(keys)) == [keys[2]]
    assert store.claim(keys[:4], "me", 60, 5) == [keys[3]]
    store.release(keys, "me")
    assert store.owners() == []  # nothing is claimed that came to something
    assert store.put_all([]) == set()


def test_of_a_sweep_as_of_its_keys(store: Store) -> None:
    one, two, three, four = asked = points(4)
    store.add_sweep("other", "text", [four])
    store.add_sweep("s", "text", asked[:3])
    store.put_all([answer(four), failure(three)])
    store.add_sweep("twice", "text", [one, replace(one, position=7), replace(two, position=9)])
    store.put_all([failure(one), answer(one), failure(two, reason="again")])
    for name in store.sweeps():
        keys = store.keys(name)
        assert store.finished_of(name) == store.finished(keys)
        assert store.failed_of(name) == store.failed(keys)
        rows = list(store.figures(name))
        names = ("latency_s", "complete", "windows", "seconds")
        expected = {column: [row[column] for row in rows] for column in ("position", "key", "axes", *names)}
        assert store.columns(name, names) == expected
        gone = {row["position"] for row in rows}
        left = {position for position, _, _ in store.unfinished(name)}
        assert not gone & left
        assert len(gone | left) == len(keys)
        for position, key, axes in store.unfinished(name):
            (point,) = [each for each in asked if each.key == key]
            assert axes == point.axes
            assert position in (point.position, 9)
    assert store.common("other") == {
        "scenario": first().scenario.name,
        "package": first().package.name,
        "scheduler": "standalone",
        "objective": "edp",
        "cost_model": first().cost_model.name,
        "fidelity": str(first().fidelity),
        "seed": "3",
    }
    store.put(answer(two))
    assert "seed" not in store.common("twice")
    with pytest.raises(InputError, match="sweep 'nosuch': is not in"):
        store.columns("nosuch", ("latency_s",))


def test_what_exceptions_are_called() -> None:
    for error, kind, reason in (
        (InfeasibleError("no room"), Kind.INFEASIBLE, "no room"),
        (InputError(["one", "two"]), Kind.INPUT, "one\ntwo"),
        (KeyError("x"), Kind.INTERNAL, "KeyError: 'x'"),
    ):
        found = failure_of("k", error, 1.0, "w")
        assert (found.kind, found.reason, found.version) == (kind, reason, chipweave.__version__)


def test_a_case_of_no_sweep_is_told(store: Store) -> None:
    (point,) = points(1)
    for put in (lambda: store.put(answer(point)), lambda: store.put_failure(failure(point))):
        with pytest.raises(InputError, match=r"is in no sweep of .*; add the sweep first"):
            put()
    with pytest.raises(InputError, match="has no result in"):
        store.schedule(point.key)
    for ask in (lambda: list(store.figures("nosuch")), lambda: store.document("nosuch")):
        with pytest.raises(InputError, match="sweep 'nosuch': is not in"):
            ask()


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_a_name(store: Store, name: str) -> None:
    (point,) = points(1)
    named = replace(point.case, scenario=replace(point.case.scenario, name=name))
    odd = Point(0, named, case_key(named), {name: name})
    store.add_sweep(name, name, [odd])
    store.add_sweep("other", name, [point])
    assert store.claim([odd.key, name], name, 60, 5) == [odd.key, name]
    assert store.claim([odd.key], "other", 60, 5) == []
    store.release([name], name)
    store.put(answer(replace(odd, position=0), worker=name))
    (row,) = store.figures(name)
    assert (row["scenario"], row["worker"], row["axes"]) == (name, name, {name: name})
    assert store.document(name) == name
    assert set(store.sweeps()) == {name, "other"}
    assert store.finished([name, odd.key, point.key]) == {odd.key}
    store.put_failure(failure(point, reason=name))
    assert store.failed([name, point.key])[point.key].reason == name


def test_content_is_what_was_found_not_when_and_by_whom(new_place: Callable[[], str]) -> None:
    asked = points(4)
    with Store.open(new_place()) as calm, Store.open(new_place()) as troubled:
        calm.add_sweep("s", "text", asked)
        for point in asked[:3]:
            calm.put(answer(point))
        calm.put_failure(failure(asked[3], Kind.INFEASIBLE))
        troubled.add_sweep("s", "text", asked[:1])
        troubled.put_failure(failure(asked[0], Kind.KILLED))
        troubled.claim([asked[0].key], "somebody", 1000, 1)
        troubled.add_sweep("s", "text", asked)
        troubled.put_failure(failure(asked[3], Kind.INFEASIBLE))
        troubled.put_failure(failure(asked[3], Kind.INFEASIBLE))
        assert content(calm) != content(troubled)
        for point in reversed(asked[:3]):
            troubled.put(answer(point, seconds=77.0, worker="elsewhere:5"))
        assert content(calm) == content(troubled)


def test_content_sees_every_other_difference(new_place: Callable[[], str]) -> None:
    (point,) = asked = points(1)
    made = answer(point)

    def left(given: Answer) -> object:
        with Store.open(new_place()) as store:
            store.add_sweep("s", "text", asked)
            store.put(given)
            return content(store)

    same = left(made)
    assert left(replace(made, seconds=2.0)) == same
    assert left(replace(made, figures={**made.figures, "energy_j": 0.5})) != same
    assert left(replace(made, packed=zlib.compress(b'{"search": null}'))) != same
    assert left(replace(made, version="0.2.0")) != same


def test_gc_removes_what_nothing_refers_to(store: Store) -> None:
    one, two, three, four = asked = points(4)
    other = replace(one.case, scenario=replace(one.case.scenario, name="other"))
    lone = Point(4, other, case_key(other), {})
    store.add_sweep("s", "text", [*asked, lone])
    store.put(answer(one))
    store.put_failure(failure(two))
    store.claim([three.key], "a", -1, 1)
    store.claim([four.key], "a", 1000, 1)
    with writing(store.engine) as connection:
        connection.execute(POINTS.delete().where(POINTS.c.position.in_([0, 1, 2, 4])))
    removed = collect(store)
    assert (removed.claims, removed.cases, removed.documents) == (1, 2, 1)
    assert store.claim([three.key, four.key], "b", 1, 2) == [three.key]
    with reading(store.engine) as connection:
        assert set(connection.execute(select(CASES.c.key)).scalars()) == {one.key, two.key, four.key}
    again = collect(store)
    assert (again.cases, again.documents) == (0, 0)


def test_every_row_is_of_a_case(store: Store) -> None:
    """The database itself refuses a result whose case it does not have."""
    (point,) = asked = points(1)
    store.add_sweep("s", "text", asked)
    store.put(answer(point))
    with pytest.raises(InputError), writing(store.engine) as connection:
        connection.execute(CASES.delete())
    with reading(store.engine) as connection:
        assert connection.execute(select(func.count()).select_from(RESULTS)).scalar_one() == 1


def test_every_column_says_what_it_is() -> None:
    for table in METADATA.tables.values():
        for column in table.c:
            assert column.comment, f"{table.name}.{column.name}"
