"""Cross prompting confident learning, equation by equation, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seganypet.errors import UsageError
from seganypet.training.cpcl import (
    CPCLConfig,
    confident_labels,
    consistency_loss,
    flipped_labels,
    mean_prediction,
    predictive_entropy,
    ramp_up,
    rectified_labels,
    uncertainty,
)


def voxels(*values: float) -> Tensor:
    """One sample of as many voxels in a row, [1, 1, N, 1, 1]."""
    return torch.tensor(values).view(1, 1, -1, 1, 1)


def entropy_of(p: float) -> float:
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


# Two clicks, two samples of two voxels each: [n, B, 1, 2, 1, 1].
PREDICTIONS = torch.tensor([[[0.2, 0.9], [0.5, 0.5]], [[0.4, 0.5], [0.5, 0.1]]]).view(2, 2, 1, 2, 1, 1)


def test_mean_prediction_of_equation_2():
    expected = torch.tensor([[0.3, 0.7], [0.5, 0.3]]).view(2, 1, 2, 1, 1)
    assert torch.allclose(mean_prediction(PREDICTIONS), expected)


def test_consistency_of_equation_3():
    # First sample: voxels differ from their mean by 0.1 and 0.2, in both clicks; second: by 0 and 0.2.
    first, second = 2 * (0.01 + 0.04) / 2, 2 * (0 + 0.04) / 2
    assert consistency_loss(PREDICTIONS).tolist() == pytest.approx([first, second])


def test_consistency_of_a_single_click_is_zero():
    assert consistency_loss(PREDICTIONS[:1]).tolist() == [0.0, 0.0]


def test_consistency_does_not_grow_with_the_number_of_voxels():
    twice = torch.cat([PREDICTIONS, PREDICTIONS], dim=3)  # twice as many voxels
    assert torch.allclose(consistency_loss(twice), consistency_loss(PREDICTIONS))


def test_gradient_of_the_consistency_pulls_each_prediction_to_the_mean():
    # d/dŶ_j of the sum over i of the mean over 2 voxels of (Ȳ - Ŷ_i)² is -2(Ȳ - Ŷ_j) / 2.
    predictions = PREDICTIONS.clone().requires_grad_()
    consistency_loss(predictions).sum().backward()
    expected = -(mean_prediction(PREDICTIONS) - PREDICTIONS)
    assert torch.allclose(predictions.grad, expected)
    assert float(expected.abs().max()) == pytest.approx(0.2)


def test_entropy_of_equation_4_in_nats():
    found = predictive_entropy(voxels(0.0, 0.1, 0.5, 0.9, 1.0)).flatten().tolist()
    expected = [0, -0.1 * math.log(0.1) - 0.9 * math.log(0.9), math.log(2)]
    assert found == pytest.approx([*expected, expected[1], 0], abs=1e-6)
    assert found[1] == pytest.approx(0.32508, abs=1e-5)


def test_uncertainty_is_the_entropy_of_the_mean_and_not_the_mean_entropy():
    predictions = torch.stack([voxels(0.1), voxels(0.9)])
    assert uncertainty(predictions).item() == pytest.approx(math.log(2))
    assert uncertainty(predictions, "last").item() == pytest.approx(0.32508, abs=1e-5)
    assert uncertainty(predictions, "disagreement").item() == pytest.approx(math.log(2) - 0.32508, abs=1e-5)


def test_disagreement_is_zero_where_all_prompts_see_the_same_blur():
    predictions = torch.stack([voxels(0.5, 0.3)] * 3)
    assert uncertainty(predictions, "disagreement").flatten().tolist() == pytest.approx([0, 0], abs=1e-6)
    assert uncertainty(predictions, "mean").flatten().tolist() == pytest.approx(
        [math.log(2), entropy_of(0.3)], abs=1e-6
    )


def test_labels_flip_where_the_uncertainty_exceeds_the_threshold_as_equation_5_says():
    labels = voxels(0, 0, 1, 1, 1) > 0
    uncertain = voxels(0.6, 0.2, 0.6, 0.2, 0.5)
    # y + 1(u > H)·(-1)^y; at u = H nothing happens.
    assert flipped_labels(labels, uncertain, 0.5).flatten().tolist() == [True, False, False, True, True]


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.6875, width=32)), min_size=1, max_size=20),
    st.floats(0, 0.6875, width=32),
)
def test_flipping_is_equation_5_for_every_voxel(pairs: list[tuple[bool, float]], threshold: float):
    labels, uncertain = voxels(*(y for y, _ in pairs)) > 0, voxels(*(u for _, u in pairs))
    found = flipped_labels(labels, uncertain, threshold).flatten().int().tolist()
    for y, u, rectified in zip(labels.flatten().int(), uncertain.flatten(), found, strict=True):
        assert rectified == int(y) + (u.item() > threshold) * (-1) ** int(y)


def test_confident_labels_are_replaced_where_the_prediction_is_sure():
    labels = voxels(0, 0, 1, 1) > 0
    predicted = voxels(0.99, 0.6, 0.01, 0.4)
    uncertain = predictive_entropy(predicted)
    found = confident_labels(labels, predicted, uncertain, 0.3)
    assert found.flatten().tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"labels": "raw"}, [False, True, True]),
        ({"labels": "flipped", "uncertainty_threshold": 0.65}, [True, True, True]),
        ({"labels": "flipped", "uncertainty_threshold": 0.6}, [True, False, True]),
        ({"labels": "flipped", "uncertainty_threshold": "mean"}, [True, False, True]),
        ({"labels": "confident", "uncertainty_threshold": 0.3}, [False, True, False]),
        ({"labels": "flipped", "uncertainty_threshold": 0.65, "entropy": "last"}, [False, True, True]),
    ],
)
def test_rectified_labels_by_setting(changes, expected):
    # Mean predictions 0.5, 0.7, 0.02 with entropies 0.693, 0.611, 0.098, of mean 0.467.
    predictions = torch.stack([voxels(0.1, 0.7, 0.01), voxels(0.9, 0.7, 0.03)])
    labels = voxels(0, 1, 1) > 0
    found = rectified_labels(predictions, labels, CPCLConfig(**changes))
    assert found.dtype == torch.bool
    assert found.flatten().tolist() == expected


def test_mean_threshold_is_that_of_each_sample_alone():
    predictions = torch.tensor([[[0.5, 0.5], [0.5, 0.01]]]).view(1, 2, 1, 2, 1, 1)
    labels = torch.zeros(2, 1, 2, 1, 1, dtype=torch.bool)
    config = CPCLConfig(labels="flipped", uncertainty_threshold="mean")
    # In the first sample no voxel exceeds the mean, in the second one does.
    assert rectified_labels(predictions, labels, config).flatten().tolist() == [False, False, True, False]


def test_nothing_is_learned_through_labels_and_uncertainty():
    predictions = PREDICTIONS.clone().requires_grad_()
    assert not uncertainty(predictions).requires_grad
    labels = torch.zeros(2, 1, 2, 1, 1, dtype=torch.bool)
    for kind in ("flipped", "confident"):
        assert not rectified_labels(predictions, labels, CPCLConfig(labels=kind)).requires_grad


def test_nothing_flips_at_the_highest_threshold():
    predictions = torch.full((3, 1, 1, 4, 1, 1), 0.5)
    labels = torch.tensor([True, False, True, False]).view(1, 1, 4, 1, 1)
    config = CPCLConfig(uncertainty_threshold=math.log(2))
    assert torch.equal(rectified_labels(predictions, labels, config), labels)


@pytest.mark.parametrize(
    ("ramp", "progress", "expected"),
    [
        ("paper", 0.0, 0.1 * math.exp(-5)),
        ("paper", 0.5, 0.1 * math.exp(-2.5)),
        ("paper", 1.0, 0.1),
        ("squared", 0.0, 0.1 * math.exp(-5)),
        ("squared", 0.5, 0.1 * math.exp(-1.25)),
        ("squared", 1.0, 0.1),
    ],
)
def test_ramp(ramp, progress, expected):
    assert ramp_up(progress, CPCLConfig(ramp=ramp)) == pytest.approx(expected)


def test_ramp_has_its_maximum():
    assert ramp_up(1.0, CPCLConfig(ramp_maximum=0.4)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uncertainty_threshold": 0.7}, r"uncertainty_threshold=0\.7; expected 0 to ln 2"),
        ({"uncertainty_threshold": "median"}, "uncertainty_threshold='median'"),
        ({"labels": "xor"}, "labels='xor'; choose one of flipped, confident, raw"),
        ({"entropy": "variance"}, "entropy='variance'"),
        ({"ramp": "linear"}, "ramp='linear'"),
        ({"lq_weight": 2}, "lq_weight=2"),
        ({"beta": -1.0}, r"beta=-1\.0; expected 0 or more"),
        ({"ramp_maximum": math.inf}, "ramp_maximum=inf"),
    ],
)
def test_refuses_settings_that_are_none(changes, message):
    with pytest.raises(UsageError, match=message):
        CPCLConfig(**changes)
