"""A judgement is complete, of finite numbers and of the scales there are, or it is refused."""

from __future__ import annotations

import math

import pytest

from seganypet.errors import WeightsError
from seganypet.models.judgement import CONSTANT, FEATURES, check_judgement

SCALES = (0.5, 1.0, 2.0)


def terms(**changed: object) -> dict[str, object]:
    return dict.fromkeys((*FEATURES, CONSTANT), 0.25) | changed


def complete() -> dict[str, dict[str, object]]:
    return {"0.5": terms(), "1": terms(), "2": terms()}


def test_complete_or_none():
    check_judgement(complete(), SCALES)
    check_judgement({}, SCALES)


@pytest.mark.parametrize("broken", [None, [], "none"])
def test_no_table_is_refused(broken):
    with pytest.raises(WeightsError, match="expected coefficients by scale"):
        check_judgement(broken, SCALES)


@pytest.mark.parametrize("scale", ["1", "1.5"])
def test_other_scales_are_refused(scale):
    judgement = complete()
    judgement[scale] = terms()
    if scale == "1":
        del judgement["1"]
    with pytest.raises(WeightsError, match=r"expected \['0.5', '1', '2'\]"):
        check_judgement(judgement, SCALES)


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.1", True, None])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(WeightsError, match=r"at scale 2 .* expected finite numbers"):
        check_judgement(complete() | {"2": terms(fill=value)}, SCALES)


def test_missing_or_unknown_features_are_refused():
    for broken in (terms(colour=1.0), {CONSTANT: 1.0}, 3):
        with pytest.raises(WeightsError, match="at scale 1 "):
            check_judgement(complete() | {"1": broken}, SCALES)
