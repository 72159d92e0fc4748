"""What is seen of several answers, and the estimate made from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logit

from seganypet.inference.judging import estimated_dice, features_of
from seganypet.models.judgement import CONSTANT, FEATURES

SHAPE = (10, 10, 10)


def answer(*target: slice, inside: float = 0.9, outside: float = 0.1) -> np.ndarray:
    probability = np.full(SHAPE, outside)
    if target:
        probability[target] = inside
    return logit(probability).astype(np.float32)


def named(row: np.ndarray) -> dict[str, float]:
    return dict(zip(FEATURES, row.tolist(), strict=True))


def test_by_hand():
    """Cubes of 4x4x4 and 4x4x2 voxels, one in the other; two clicks, the second wrong in the first alone."""
    large = answer(slice(2, 6), slice(2, 6), slice(2, 6), outside=0.0001)
    small = answer(slice(2, 6), slice(2, 6), slice(2, 4), inside=0.6, outside=0.0001)
    clicks = [((3, 3, 3), True), ((3, 3, 5), False)]
    first, second = map(named, features_of([large, small], clicks, edge=2))
    rest = 0.0001 * (1000 - 64)
    assert first["certainty"] == pytest.approx(2 * 57.6 / (57.6 + rest + 64), rel=1e-3)
    for name in ("agreement", "best_agreement", "least_agreement"):
        assert first[name] == second[name] == pytest.approx(2 * 32 / (64 + 32))
    inside, around = 32 * 0.6, 0.0001 * (1000 - 32)
    assert first["support"] == pytest.approx(2 * (inside + 32 * 0.0001) / (inside + around + 64), rel=1e-3)
    assert second["support"] == pytest.approx(2 * 32 * 0.9 / (57.6 + rest + 32), rel=1e-3)
    assert first["length"] == pytest.approx(np.log1p(8))
    assert (first["fill"], second["fill"]) == (1, 1)
    assert (first["right_clicks"], second["right_clicks"]) == (0.5, 1)
    assert first["clicks"] == pytest.approx(np.log(2))
    assert 0.5 > first["sharpness"] > 0.45 > second["sharpness"] > 0.3


def test_several_others_count_by_mean_most_and_least():
    cube = (slice(2, 6), slice(2, 6), slice(2, 6))
    same, half, none = answer(*cube), answer(*cube[:2], slice(2, 4)), answer()
    row = named(features_of([same, same, half, none], [((3, 3, 3), True)], edge=1)[0])
    assert (row["best_agreement"], row["least_agreement"]) == (1, 0)
    assert row["agreement"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_an_answer_without_a_target_says_so():
    """Unknown voxels, logits of 0, are no target and have no probability."""
    row = named(features_of([np.zeros(SHAPE, np.float32)] * 2, [((3, 3, 3), True)], edge=1)[0])
    assert row == dict.fromkeys(FEATURES, 0.0)


def test_the_estimate_is_linear_and_a_dice():
    features = np.arange(2 * len(FEATURES), dtype=float).reshape(2, -1) / 100
    terms = {name: 0.1 * n for n, name in enumerate(FEATURES)} | {CONSTANT: 0.2}
    expected = features @ [0.1 * n for n in range(len(FEATURES))] + 0.2
    np.testing.assert_allclose(estimated_dice(features, [terms, terms]), expected)
    for constant, limit in ((7.0, 1.0), (-7.0, 0.0)):
        assert estimated_dice(features, [terms | {CONSTANT: constant}] * 2).tolist() == [limit, limit]


def test_where_nobody_learned_it_certainty_and_agreement_count_alike():
    cube = (slice(2, 6), slice(2, 6), slice(2, 6))
    features = features_of([answer(*cube), answer(*cube), answer()], [((3, 3, 3), True)], edge=1)
    rows = [named(row) for row in features]
    expected = [(row["certainty"] + row["agreement"]) / 2 for row in rows]
    np.testing.assert_allclose(estimated_dice(features, []), expected)
