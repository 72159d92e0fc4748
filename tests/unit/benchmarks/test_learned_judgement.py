"""A planted judgement is found again, and the choice by it is the best."""

from __future__ import annotations

import numpy as np
import pytest

from judgement import Seen, learned, report
from seganypet.models.judgement import CONSTANT, FEATURES, check_judgement
from synthetic_model import half_of_click

MODEL = half_of_click(scales=(0.5, 1.0))


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    """Dice that follow from two features: in one direction at the first scale, in the other at the second."""
    rng, rows = np.random.default_rng(0), []
    for n in range(600):
        features = rng.random((2, len(FEATURES)))
        true = np.array([0.3 + 0.6 * features[0, 1], 0.7 - 0.5 * features[1, 4]])
        rows.append(Seen(scan=n // 20, lesion=n % 2 == 0, click=1 + n % 3, features=features, dice=true))
    return rows


def test_the_coefficients_are_found_again(seen):
    judgement = learned(seen, MODEL)
    check_judgement(judgement, MODEL.description.scales)
    for scale, name, weight, constant in (("0.5", FEATURES[1], 0.6, 0.3), ("1", FEATURES[4], -0.5, 0.7)):
        terms = dict(judgement[scale])
        assert terms.pop(name) == pytest.approx(weight, abs=0.02)
        assert terms.pop(CONSTANT) == pytest.approx(constant, abs=0.02)
        assert np.abs(list(terms.values())).max() < 0.01


def test_the_report_says_what_choosing_is_worth(seen, capsys):
    report(seen, MODEL)
    table = {cells[0].strip(): cells[1:] for cells in map(_cells, capsys.readouterr().out.splitlines())}
    assert table["the estimate"][:3] == pytest.approx(table["the best"][:3], abs=0.002)
    assert table["the estimate"][3] == 1
    assert table["scale 1"][0] < table["the estimate"][0] - 0.05


def _cells(line: str) -> list:
    name, *cells = line.strip("| ").split("|")
    return [name, *(float(c) for c in cells if c.strip().replace(".", "").isdigit())]
