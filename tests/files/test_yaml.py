"""YAML text to data: what is kept, what is refused, and how fast."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest
import ruamel.yaml
from hypothesis import given
from hypothesis import strategies as st

from chipweave.errors import InputError
from chipweave.files import yaml as files_yaml
from chipweave.files.model_file import resolve_model
from chipweave.files.yaml import dump_yaml, line_of, load_yaml, parse_yaml


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f.yaml")
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.fixture(params=["compiled", "pure"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of ruamel.yaml: the compiled one, and the one it falls back to."""
    if request.param == "pure":
        original = ruamel.yaml.YAML
        monkeypatch.setattr(ruamel.yaml, "YAML", lambda typ: original(typ=typ, pure=True))


@pytest.mark.usefixtures("_parser")
class TestReading:
    def test_scalars_follow_the_core_schema(self) -> None:
        text = """
            whole: -12
            padded: 007
            real: 100e9
            half: .5
            point: 2.
            yes_is_text: yes
            hex_is_text: 0x10
            quoted: "3"
            truth: [true, False]
            nothing: [null, ~, ]
            empty:
            date_is_text: 2001-01-01
            colon: 12:30:45
        """
        assert parse_yaml(text, "f") == {
            "whole": -12,
            "padded": 7,
            "real": 100e9,
            "half": 0.5,
            "point": 2.0,
            "yes_is_text": "yes",
            "hex_is_text": "0x10",
            "quoted": "3",
            "truth": [True, False],
            "nothing": [None, None],
            "empty": None,
            "date_is_text": "2001-01-01",
            "colon": "12:30:45",
        }

    def test_lines(self) -> None:
        data = parse_yaml("a: 1\nb:\n  - x\n  - c: 2\n    d: {e: 3,\n      f: 4}\n", "f")
        assert [line_of(data, at) for at in [(), ("a",), ("b",), ("b", 0), ("b", 1, "c"), ("b", 1, "d", "f")]] == [
            1, 1, 2, 3, 4, 6,
        ]  # fmt: skip
        assert line_of(data, ("b", 1, "missing")) == 4
        assert line_of({"a": 1}, ("a",)) is None

    def test_aliases_stand_for_their_anchors(self) -> None:
        data = parse_yaml("a: &x {k: [1, 2]}\nb: *x\nc: [*x]\n", "f")
        assert data == {"a": {"k": [1, 2]}, "b": {"k": [1, 2]}, "c": [{"k": [1, 2]}]}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("a: !thing 1", "f.yaml:1: tag '!thing' is not allowed; remove it"),
            ("a:\n  b: !!python/object/apply:os.system [ls]", "f.yaml:2: tag '"),
            ("a: !!int 3", "f.yaml:1: tag '"),
            (f"{'k' * 999}: 1\n{'k' * 999}: 2", f"f.yaml:2: key '{'k' * 60}…' repeats line 1; remove one of the two"),
            ("a: 1\nb: 2\na: 3", "f.yaml:3: key 'a' repeats line 1; remove one of the two"),
            ("a: [1, 2\nb: 3", "f.yaml:2: not valid YAML: while parsing a flow sequence"),
            ("a: 1\nb: 'cut sho", "f.yaml:2: not valid YAML: while scanning a quoted scalar"),
            ("a: {b: 1, c", "f.yaml:1: not valid YAML"),
            ("a: 1\n b: 2", "f.yaml:2: not valid YAML: mapping values are not allowed"),
            ("\ta: 1", "f.yaml:1: not valid YAML: a tab indents this line; indent it with spaces"),
            ("a:\n  - b\n\t- c", "f.yaml:3: not valid YAML: a tab indents this line; indent it with spaces"),
            ("a: [\n", "f.yaml:2: not valid YAML"),  # a line that is not there any more
            ("a: &x [1]\nc: {<<: *x}", "f.yaml:2: `<<` merges mappings alone; give one, such as an alias, or write"),
            ("a: \x00", "f.yaml:1: not valid YAML: unacceptable character #x0000"),
            ("%YAML 9.9\n---\na: 1", "not valid YAML"),
            ("- a\n- b", "f.yaml:1: is not a mapping of keys to values"),
            ("just text", "f.yaml:1: is not a mapping"),
            ("# only a comment\n", "f.yaml:1: holds no data; `chipweave show NAME` prints a working example"),
            ("a: 1\n---\nb: 2", "f.yaml:2: a second document begins here; keep one per file"),
            ("? [a]\n: b", "f.yaml:1: this key is no plain text"),
            ("a: 1\nb: *nowhere", "f.yaml:2: alias '*nowhere' has no anchor before it; define it"),
            ("a: &x\n  b: *x", "f.yaml:2: alias '*x' contains itself; write the value out"),
            ("a:\n  " + "[" * 100_000, "f.yaml:2: nested more than 50 levels deep; flatten it"),
            ("".join("  " * i + f"k{i}:\n" for i in range(200)), "f.yaml:52: nested more than 50 levels deep"),
        ],
    )
    def test_refusals_name_line_and_remedy(self, text: str, message: str) -> None:
        assert message in refused(text)

    def test_merge_keys(self) -> None:
        """The mapping's own keys hold, then those of the mappings in their order; lines are those of the anchors."""
        data = parse_yaml("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 3, <<: *a}\nd:\n  <<: [*a, *b]\n", "f")
        assert (data["c"], data["d"]) == ({"x": 3, "y": 1}, {"x": 1, "y": 1, "z": 2})
        assert [line_of(data, ("d", key)) for key in "xyz"] == [1, 1, 2]
        assert parse_yaml('a: {"<<": 1}', "f") == {"a": {"<<": 1}}

    def test_a_bomb_is_refused_before_it_goes_off(self) -> None:
        """Ten to the power of thirteen values in a kilobyte: neither built nor visited."""
        rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 13)]
        tracemalloc.start()
        message = refused("\n".join(rows))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert message == "f.yaml:6: more than 500000 values, aliases expanded; make the file smaller"
        assert peak < 2_000_000


def test_as_many_values_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_yaml, "MAX_VALUES", 5)
    assert parse_yaml("a: [1, 2, 3]", "f") == {"a": [1, 2, 3]}  # the mapping, the list and its items
    assert "more than 5 values" in refused("a: [1, 2, 3, 4]")
    assert "more than 5 values" in refused("a: &x [1]\nb: *x\nc: 1")


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e999", ".inf", "-.INF", ".NaN"])
def test_numbers_that_no_quantity_has_stay_numbers(number: str) -> None:
    """The checks of quantities refuse them; here they only must do no harm."""
    value = parse_yaml(f"a: {number}", "f")["a"]
    assert value in (float("inf"), float("-inf")) or value != value


class TestFiles:
    def refused(self, path: Path) -> str:
        with pytest.raises(InputError) as caught:
            load_yaml(path)
        return str(caught.value).replace(str(path), "FILE")

    def test_missing(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path / "none.yaml") == "FILE: no such file; check the name and the folder"

    def test_folder(self, tmp_path: Path) -> None:
        assert self.refused(tmp_path) == "FILE: is a folder; name a YAML file in it"

    def test_inside_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("a: 1")
        assert "FILE: cannot be read: " in self.refused(tmp_path / "file" / "deeper.yaml")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
    def test_forbidden(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("a: 1")
        (tmp_path / "f").chmod(0)
        assert self.refused(tmp_path / "f").startswith("FILE: cannot be read: Permission denied; check the file")

    def test_name_that_no_file_system_takes(self, tmp_path: Path) -> None:
        assert "FILE: cannot be read: " in self.refused(tmp_path / ("x" * 5000))

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_text("\n  \n")
        assert self.refused(tmp_path / "f").startswith("FILE:1: is empty; ")

    def test_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"a: 1\nb: \xff\xfe")
        assert self.refused(tmp_path / "f") == "FILE:2: byte 0xff is no UTF-8 text; save the file as UTF-8"

    def test_binary(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(bytes(range(128)))
        assert "FILE:1: not valid YAML: unacceptable character" in self.refused(tmp_path / "f")

    def test_huge(self, tmp_path: Path) -> None:
        with (tmp_path / "f").open("wb") as file:
            file.truncate(10 * files_yaml.MAX_BYTES)  # sparse
        assert self.refused(tmp_path / "f") == "FILE: is larger than 20 MB; this is no file that chipweave reads"

    @pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="pipes have no names here")
    def test_a_pipe_of_the_shell_is_read_once(self) -> None:
        """As `chipweave schedule <(command)` hands over; telling whose file it is takes nothing out of it."""
        reader, writer = os.pipe()
        os.write(writer, b"name: m\nlayers: [{name: a, op: gemm, C: 4, K: 8, Y: 1}]")
        os.close(writer)
        assert resolve_model(f"/dev/fd/{reader}").macs == 32
        os.close(reader)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have no names here")
    def test_a_pipe_that_nothing_writes_into(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files_yaml, "LONGEST_SILENCE_S", 0)
        os.mkfifo(tmp_path / "f")
        assert self.refused(tmp_path / "f").startswith("FILE: is a pipe that nothing was written into for 0 s; name a")

    def test_byte_order_mark_is_no_part_of_the_text(self, tmp_path: Path) -> None:
        (tmp_path / "f").write_bytes(b"\xef\xbb\xbfa: 1")
        assert load_yaml(tmp_path / "f") == {"a": 1}


texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["yes", "null", "~", "3", "1e5", ".inf", "- a", "a: b", "#", "a #b", " x ", "a\nb\n", "a\n\nb", "\\"]
    ),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-(10**15), 10**15), texts)
scalars |= st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(texts, values, max_size=5))
def test_what_is_dumped_is_read_back(data: dict) -> None:
    text = dump_yaml(data) if data else "{}"
    assert parse_yaml(text, "f") == data
    # and another reader sees the same
    assert ruamel.yaml.YAML(typ="safe", pure=True).load(text) == data


def test_dumped_text_is_made_for_readers() -> None:
    data = {
        "name": "a net",
        "rate": 100e9,
        "wait": 35e-9,
        "text": "one\n  two",
        "rows": [{"K": 1, "pair": [1, 2], "from": [{"a": 1}]}],
        "deep": {"grid": [["A", "B"], ["B", "A"]], "none": []},
    }
    assert dump_yaml(data) == (
        "name: a net\nrate: 100e9\nwait: 35e-9\ntext: |-\n  one\n    two\n"
        "rows:\n  - {K: 1, pair: [1, 2], from: [{a: 1}]}\n"
        "deep:\n  grid:\n    - [A, B]\n    - [B, A]\n  none: []\n"
    )


def test_infinite_figures_and_characters_that_are_none_have_a_line(tmp_path: Path) -> None:
    from chipweave.files.chiplet_file import load_chiplet
    from chipweave.files.json import parse_json

    for number in ("1e400", "-1e400", "1" + "0" * 310 + ".5"):
        with pytest.raises(InputError, match=r"^s\.json:3: .* is larger than any number"):
            parse_json('{"a": 1,\n"b": 1e300,\n"c": [' + number + "]}", "s.json")
    with pytest.raises(InputError, match=r"^f\.yaml:2: not valid YAML"):
        parse_yaml("a: 1\nb: \x01\n", "f.yaml")
    path = tmp_path / "c.yaml"
    path.write_text(
        "name: c\ndataflow:\n  style: custom\n  mappings:\n    conv: |\n      SpatialMap(1,1) K;\n      Nonsense;\n"
    )
    with pytest.raises(InputError, match=r"c\.yaml:5: dataflow\.mappings\.conv: in its line 2: "):
        load_chiplet(path)
