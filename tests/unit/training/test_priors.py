"""What is known before the first click: right where it claims to know, or the whole mask slightly off."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor

from seganypet.training.priors import draw_prior


def cube(low: int, high: int, size: int = 12) -> Tensor:
    mask = torch.zeros(size, size, size, dtype=torch.bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_prior_is_a_right_half_that_holds_the_anchor_or_the_whole_mask_moved_or_coarse():
    reference, anchor, halves, moved, coarse = cube(4, 7), torch.tensor([5, 5, 5]), 0, 0, 0
    for seed in range(90):
        prior = draw_prior(reference, anchor, np.random.default_rng(seed))
        known = prior != 0
        assert prior.abs().max() <= 8
        if prior.unique().numel() > 3:
            coarse += 1
            continue
        assert prior.abs().max() >= 2
        if known.all():
            moved += 1
            shifts = [
                torch.roll(reference, (i, j, k), (0, 1, 2)) for i, j, k in product(range(-3, 4), repeat=3)
            ]
            assert any(torch.equal(prior > 0, shift) for shift in shifts)
        else:
            halves += 1
            assert torch.equal((prior > 0)[known], reference[known])
            assert prior[5, 5, 5] > 0
            flat = [axis for axis in range(3) if (known == known.select(axis, 0).unsqueeze(axis)).all()]
            assert len(flat) == 2  # cut along one axis only
    assert min(halves, coarse) > 25
    assert moved > 5


def test_a_coarse_mask_is_about_right():
    reference, anchor = cube(6, 26, 32), torch.tensor([16, 16, 16])
    agreement = []
    for seed in range(60):
        prior = draw_prior(reference, anchor, np.random.default_rng(seed))
        if prior.unique().numel() > 3:
            both = ((prior > 0) & reference).sum()
            agreement.append(float(2 * both / ((prior > 0).sum() + reference.sum())))
    assert 0.85 < np.mean(agreement) < 0.99  # of a good size, yet not exact
    assert max(agreement) < 1


def test_a_moved_mask_does_not_come_in_again_on_the_other_side():
    reference, moved = torch.zeros(12, 12, 12, dtype=torch.bool), 0
    reference[:4] = True  # at the first face of the patch
    for seed in range(60):
        prior = draw_prior(reference, torch.tensor([0, 5, 5]), np.random.default_rng(seed))
        if prior.unique().numel() == 2:
            moved += 1
            assert not (prior[8:] > 0).any()
    assert moved > 5


def test_same_source_of_randomness_same_prior():
    one, same = (draw_prior(cube(2, 5), torch.tensor([3, 3, 3]), np.random.default_rng(4)) for _ in range(2))
    assert torch.equal(one, same)
