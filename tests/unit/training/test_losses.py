"""Dice + cross-entropy, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from seganypet.training.losses import segmentation_loss


def loss_by_hand(probabilities: list[float], labels: list[int]) -> float:
    """Dice with squared predictions, as MONAI smooths it, plus the mean cross-entropy."""
    overlap = sum(p * y for p, y in zip(probabilities, labels, strict=True))
    sizes = sum(p * p for p in probabilities) + sum(labels)
    dice = 1 - (2 * overlap + 1e-5) / (sizes + 1e-5)
    entropy = -sum(math.log(p if y else 1 - p) for p, y in zip(probabilities, labels, strict=True)) / len(
        labels
    )
    return dice + entropy


def test_each_sample_by_itself():
    probabilities = [[0.9, 0.2, 0.6, 0.1], [0.5, 0.5, 0.3, 0.8]]
    labels = [[1, 0, 1, 0], [0, 0, 0, 1]]
    logits = torch.logit(torch.tensor(probabilities)).view(2, 1, 4, 1, 1)
    found = segmentation_loss(logits, torch.tensor(labels).view(2, 1, 4, 1, 1).bool())
    expected = [loss_by_hand(p, y) for p, y in zip(probabilities, labels, strict=True)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_single_voxel_weighs_as_much_as_a_large_target():
    """Missing all of a target costs the same Dice however small it is."""
    losses = []
    for side in (1, 6):
        reference = torch.zeros(1, 1, 8, 8, 8, dtype=torch.bool)
        reference[..., :side, :side, :side] = True
        logits = torch.full(reference.shape, -9.0, requires_grad=True)
        loss = segmentation_loss(logits, reference)
        loss.sum().backward()
        assert logits.grad[reference].abs().min() > 0
        cross_entropy = 9.0 * side**3 / 8**3
        losses.append(float(loss.detach()) - cross_entropy)
    assert losses == pytest.approx([1.0, 1.0], abs=0.01)


def test_perfect_prediction_costs_nothing():
    reference = torch.rand(2, 1, 4, 4, 4) > 0.5
    logits = torch.where(reference, 30.0, -30.0)
    assert segmentation_loss(logits, reference).tolist() == pytest.approx([0, 0], abs=1e-5)
