"""Settings changed by name: the right one, in the right type, or a refusal that says what there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from seganypet.errors import UsageError
from seganypet.training.overrides import overridden


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
        ("innr.rate=3", "no setting innr; there are name, inner, absent"),
        ("inner.pace=3", r"no setting inner\.pace; there are rate, steps"),
        ("inner.steps=0.5", r"setting inner\.steps is 0\.5; expected int"),
        ("inner.steps=true", "steps is True; expected int"),
        ("inner.rate=fast", "rate is 'fast'; expected float"),
        ("inner.kind=medium", "kind is 'medium'"),
        ("inner.rate=-1", r"setting inner\.rate: rate=-1\.0; expected 0 or more"),
        ("on=1", "on is 1; expected bool"),
        ("name=3", "name is 3; expected str"),
        ("spread=3", r"spread is 3; expected tuple\[int, int\]"),
        ("spread=1,2,3", r"spread is \(1, 2, 3\)"),
        ("spread=1.5,2", r"spread is \(1\.5, 2\)"),
        ("shares=('a', 1)", "shares is"),
        ("names=(1, 2)", r"names is \(1, 2\)"),
        ("name.first=3", r"setting name\.first: there is nothing inside 'recipe'"),
        ("nothing.first=3", r"setting nothing: there is nothing inside it"),
    ],
)
def test_refuses_what_does_not_fit(setting, message):
    with pytest.raises(UsageError, match=message):
        overridden(Outer(), [setting])
