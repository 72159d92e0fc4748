"""Settings changed by name: the right one, in the right type, or a refusal that says what there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal

import pytest

from seganypet.errors import UsageError
from seganypet.training.config import TrainingConfig
from seganypet.training.cpcl import CPCLConfig
from seganypet.training.overrides import overridden
from seganypet.training.recipes import RECIPES, simulated_on_the_fly


@dataclass(frozen=True, kw_only=True)
class Inner:
    rate: float = 0.5
    steps: int = 3
    kind: Literal["slow", "fast"] = "slow"
    limit: float | Literal["mean"] = 0.1

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise UsageError(f"rate={self.rate}; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Pair:
    low: int = 1
    high: int = 2

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise UsageError(f"low={self.low}, high={self.high}")


@dataclass(frozen=True, kw_only=True)
class Paired:
    pair: Pair = field(default_factory=Pair)


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str = "recipe"
    inner: Inner = field(default_factory=Inner)
    absent: Inner | None = None
    spread: tuple[int, int] = (1, 2)
    shares: tuple[tuple[str, float], ...] = ()
    names: tuple[str, ...] = ()
    nothing: float | None = None
    on: bool = False
    sizes: Mapping[str, Any] = field(default_factory=lambda: {"depth": 12})


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("name=other", Outer(name="other")),
        ("name='7'", Outer(name="7")),
        ("inner.rate=1e-4", Outer(inner=Inner(rate=1e-4))),
        ("inner.rate=2", Outer(inner=Inner(rate=2.0))),
        ("inner.steps = 9", Outer(inner=Inner(steps=9))),
        ("inner.kind=fast", Outer(inner=Inner(kind="fast"))),
        ("inner.limit=mean", Outer(inner=Inner(limit="mean"))),
        ("inner.limit=0.7", Outer(inner=Inner(limit=0.7))),
        ("absent.steps=5", Outer(absent=Inner(steps=5))),
        ("spread=3,8", Outer(spread=(3, 8))),
        ("spread=[3, 8]", Outer(spread=(3, 8))),
        ("shares=(('a', 0.5), ('b', 0.5))", Outer(shares=(("a", 0.5), ("b", 0.5)))),
        ("names=liver", Outer(names=("liver",))),
        ("names=liver, spleen", Outer(names=("liver", "spleen"))),
        ("shares=(('a', 1),)", Outer(shares=(("a", 1.0),))),
        ("names=('liver',)", Outer(names=("liver",))),
        ("on=true", Outer(on=True)),
        ("sizes.depth=16", Outer(sizes={"depth": 16})),
        ("sizes.heads=2", Outer(sizes={"depth": 12, "heads": 2})),
    ],
)
def test_a_setting_is_changed_and_nothing_else(setting, expected):
    changed = overridden(Outer(), [setting])
    assert changed == expected
    assert type(changed.inner.rate) is float


def test_of_two_values_the_later_counts():
    changed = overridden(
        Outer(absent=Inner()), ["inner.rate=1", "inner.steps=2", "absent=none", "inner.rate=3"]
    )
    assert changed == Outer(inner=Inner(rate=3.0, steps=2))
    assert overridden(Outer(), ["absent=none", "absent.steps=4"]) == Outer(absent=Inner(steps=4))


def test_settings_that_only_fit_together_may_come_in_any_order():
    settings = ["pair.low=8", "pair.high=9"]
    for order in (settings, settings[::-1]):
        assert overridden(Paired(), order) == Paired(pair=Pair(low=8, high=9))


def test_the_original_stays_as_it_is():
    original = Outer()
    overridden(original, ["sizes.depth=1", "inner.rate=0"])
    assert original == Outer()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("inner.rate", "setting 'inner.rate'; expected name=value"),
        ("=3", "expected name=value"),
        (
            "innr.rate=3",
            r"no setting innr\.rate \(do you mean inner\.rate or absent\.rate\?\); there are name, inner, absent",
        ),
        ("inner.pace=3", r"no setting inner\.pace; there are rate, steps"),
        ("steps=4", r"no setting steps \(do you mean inner\.steps or absent\.steps\?\); there are name"),
        ("zzz=4", "no setting zzz; there are name"),
        (
            "inner.steps=0.5",
            r"setting inner\.steps is 0\.5; expected a whole number, such as .*inner\.steps=3\"",
        ),
        ("inner.steps=true", "steps is True; expected a whole number"),
        ("inner.rate=fast", "rate is 'fast'; expected a number, such as"),
        ("inner.kind=medium", "kind is 'medium'; expected slow or fast, such as"),
        (
            "inner=3",
            r"inner is 3; set what is inside it: inner\.rate, inner\.steps, inner\.kind, inner\.limit$",
        ),
        ("absent=3", r"absent is 3; set what is inside it: absent\.rate, .*, or none"),
        ("inner.limit=low", "limit is 'low'; expected a number or mean, such as"),
        ("nothing=low", r"nothing is 'low'; expected a number or none, such as .*nothing=none\""),
        ("inner.rate=-1", r"setting inner\.rate: rate=-1\.0; expected 0 or more"),
        ("on=1", "on is 1; expected true or false"),
        ("name=3", "name is 3; expected text, such as .*name=recipe"),
        ("sizes=3", r"sizes is 3; expected names and values in braces, such as .*sizes=\{'depth': 12\}"),
        ("spread=3", r"spread is 3; expected \(a whole number, a whole number\), such as .*spread=\(1, 2\)"),
        ("spread=1,2,3", r"spread is \(1, 2, 3\)"),
        ("spread=1.5,2", r"spread is \(1\.5, 2\)"),
        ("shares=('a', 1)", r"shares is .*; expected \(\(text, a number\), …\), such as"),
        ("names=(1, 2)", r"names is \(1, 2\)"),
        ("name.first=3", r"setting name\.first: there is nothing inside 'recipe'"),
        ("nothing.first=3", r"setting nothing: there is nothing inside it"),
    ],
)
def test_refuses_what_does_not_fit(setting, message):
    with pytest.raises(UsageError, match=message):
        overridden(Outer(), [setting])


def settings_of(part: Any, where: str = "") -> Iterator[str]:
    """Yield the names of all settings that hold values."""
    for each in fields(part):
        value = getattr(part, each.name)
        if is_dataclass(value):
            yield from settings_of(value, f"{where}{each.name}.")
        else:
            yield f"{where}{each.name}"


def refusal_of(config: Any, setting: str) -> str:
    """Return why a setting is refused; nothing where it is not."""
    try:
        overridden(config, [setting])
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", RECIPES)
def test_the_example_in_a_refusal_is_accepted_and_is_the_present_value(name):
    whole = replace(RECIPES[name](), on_the_fly=simulated_on_the_fly(), cpcl=CPCLConfig())
    refusals = {setting: refusal_of(whole, f"{setting}=(None, 1j)") for setting in settings_of(whole)}
    refusals = {setting: text for setting, text in refusals.items() if text}
    for setting, text in refusals.items():
        option, example = shlex.split(re.search(r"such as (--set .*)$", text).group(1))
        assert (option, example.partition("=")[0]) == ("--set", setting)
        assert overridden(whole, [example]) == whole
        assert not re.search(r"tuple|typing|Literal|\bstr\b|\bint\b", text.partition("; ")[2])
    assert len(refusals) > 60


def test_text_that_would_be_read_as_something_else_is_shown_in_quotes():
    config = Outer(name="7")
    with pytest.raises(UsageError, match=r"""such as --set "name='7'"$"""):
        overridden(config, ["name=8"])
    assert overridden(config, ["name='7'"]) == config


@pytest.mark.parametrize(
    ("setting", "meant"),
    [
        ("steps=4", "loop.steps"),
        ("prompt_and_decoder_fctor=1", "loop.optimiser.prompt_and_decoder_factor"),
        ("lop.steps=4", "loop.steps"),
        ("loop.stepz=4", "loop.steps"),
        ("uncertainty_threshold=0.6", "cpcl.uncertainty_threshold"),
    ],
)
def test_a_setting_that_is_not_there_is_looked_for_in_the_whole_recipe(setting, meant):
    config: TrainingConfig = RECIPES["compact"]()
    with pytest.raises(UsageError, match=rf"no setting .* \(do you mean {re.escape(meant)}\?\); there are"):
        overridden(config, [setting])
