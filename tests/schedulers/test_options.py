"""Options of schedulers: what follows from their fields."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from chipweave.errors import InputError
from chipweave.schedulers import SCHEDULERS, every_option, options_class, options_of, scheduler
from chipweave.schedulers.options import check, chosen, option, read
from chipweave.schedulers.scar.options import Packing, ScarOptions
from chipweave.schedulers.scope.options import RegionOptions
from chipweave.schedulers.weave.options import WeaveOptions, Windowing


class Colour(StrEnum):
    DARK_RED = "dark_red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Painted:
    coats: int = option(1, help="Coats of paint", least=1, most=3)
    thickness: float | None = option(None, help="Millimetres", unset="as it comes", least=0)
    colour: Colour = option(Colour.BLUE, help="The colour", paper="hue (II-B)")
    dry: bool = option(False, help="Wait between coats")

    def __post_init__(self) -> None:
        check(self, "painted")


def test_the_fields_say_everything() -> None:
    coats, thickness, colour, dry = read(Painted)
    assert [own.kind for own in read(Painted)] == [int, float, Colour, bool]
    assert (coats.default, coats.least, coats.most, coats.flag) == (1, 1, 3, "--coats")
    assert (thickness.unset, thickness.word(None), thickness.word(0.5)) == ("as it comes", "as it comes", "0.5")
    assert (colour.paper, colour.word(Colour.DARK_RED), colour.word("dark_red")) == (
        "hue (II-B)",
        "dark-red",
        "dark-red",
    )
    assert colour.words("dark_red") == ("--colour", "dark-red")
    assert [dry.words(value) for value in (True, False)] == [("--dry",), ("--no-dry",)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"coats": 0}, "painted: coats=0 is not at least 1"),
        ({"coats": 4}, "painted: coats=4 is more than 3"),
        ({"coats": 1.5}, "painted: coats=1.5 is no whole number"),
        ({"coats": None}, "painted: coats=None is no whole number"),
        ({"thickness": "thin"}, "painted: thickness=thin is no number"),
        ({"thickness": -1, "coats": 0}, "painted: coats=0 is not at least 1\npainted: thickness=-1 is not at least 0"),
        ({"colour": "blue"}, "painted: colour=blue is no Colour"),
        ({"dry": 1}, "painted: dry=1 is no truth value"),
    ],
)
def test_values_are_held_against_the_fields(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Painted(**given)
    assert str(caught.value) == message


def test_good_values_pass() -> None:
    assert Painted(3, 0.5, Colour.DARK_RED, True).coats == 3
    assert Painted(thickness=2).thickness == 2
    assert ScarOptions(packing=Packing.UNIFORM, top_k=None).top_k is None
    with pytest.raises(InputError, match=r"^polish=-1 is not in 0\.\.1000000$"):
        RegionOptions(polish=-1)


def test_a_request_has_options_of_the_scheduler_or_none() -> None:
    assert chosen(None, Painted) == Painted()
    assert chosen(Painted(2), Painted) == Painted(2)
    with pytest.raises(InputError, match=r"options RegionOptions\(.*\) are not Painted"):
        chosen(RegionOptions(), Painted)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_entries_lead_to_functions_and_options(name: str) -> None:
    assert callable(scheduler(name))
    options = options_class(name)
    assert bool(options) == bool(SCHEDULERS[name].options)
    assert options_of(name) == (read(options) if options else ())
    assert SCHEDULERS[name].what
    for own in options_of(name):
        assert own.help
        assert not own.help.endswith(".")
        assert own.unset or own.default is not None


def test_an_option_is_the_same_in_all_schedulers_that_have_it() -> None:
    names = [own.name for own in every_option()]
    assert len(names) == len(set(names))


def test_an_unknown_scheduler_has_no_options() -> None:
    assert options_class("unheard-of") is None
    assert options_of("unheard-of") == ()


def test_options_are_read_without_numpy() -> None:
    code = "import sys; from chipweave.schedulers import every_option; every_option(); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("more", [{"steps": 3}, {"gap": 0.1}])
def test_given_windows_take_no_other_option_of_the_search(more: dict[str, Any]) -> None:
    WeaveOptions(windowing=Windowing.SCAR)
    with pytest.raises(InputError, match="leave them out, or take windowing=free"):
        WeaveOptions(windowing=Windowing.SCAR, **more)
