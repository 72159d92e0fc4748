"""One episode with networks that answer as told: which clicks they get, and what is summed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from seganypet.training.episode import EpisodeConfig, run_episode
from seganypet.training.sampling import Sample

P = 8


class Told:
    """A network that answers with the given logits one after the other, and remembers what it was asked."""

    def __init__(self, *answers: Tensor) -> None:
        self.answers = answers
        self.encoded = 0
        self.coords: list[Tensor] = []
        self.labels: list[Tensor] = []
        self.previous: list[Tensor] = []

    def encode(self, patch: Tensor) -> Tensor:
        self.encoded += 1
        return patch

    def decode(self, embedding: Tensor, coords: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        answer = self.answers[len(self.coords)]
        self.coords.append(coords.clone())
        self.labels.append(labels.clone())
        self.previous.append(logits.clone())
        return answer


def cube(low: int, high: int) -> Tensor:
    mask = torch.zeros(P, P, P, dtype=torch.bool)
    mask[low:high, low:high, low:high] = True
    return mask


def batch(*references: Tensor, anchor: int = 3) -> Sample:
    reference = torch.stack(references)[:, None]
    return Sample(torch.rand(reference.shape), reference, torch.full((len(references), 3), anchor))


def logits_of(*masks: Tensor) -> Tensor:
    return torch.stack(masks)[:, None] * 10.0 - 5.0


def mean_logit(logits: Tensor, reference: Tensor) -> Tensor:
    assert logits.shape == reference.shape
    assert logits.dtype == reference.dtype == torch.float32
    return logits.mean()


def config(clicks: int, **changes: float) -> EpisodeConfig:
    return EpisodeConfig(**{"clicks": (clicks, clicks), "deepest_share": 1.0, "prior_share": 0.0} | changes)


def test_clicks_go_where_the_prediction_is_wrong_and_padding_where_it_is_right():
    # The first sample misses everything, then finds all; the second has too much, then less but still too much.
    small, large = cube(2, 5), cube(1, 6)
    empty = torch.zeros_like(small)
    model = Told(logits_of(empty, large), logits_of(small, small | cube(6, 8)), logits_of(small, small))
    _, scores = run_episode(model, batch(small, small), mean_logit, config(3), np.random.default_rng(0))
    assert model.encoded == 1
    assert [c.shape[1] for c in model.coords] == [1, 2, 3]
    assert model.labels[2].tolist() == [[1, 1, -1], [1, 0, 0]]
    assert model.coords[2][0].tolist() == [[3, 3, 3], [3, 3, 3], [0, 0, 0]]
    assert model.coords[2][1, 0].tolist() == [3, 3, 3]
    voxel = tuple(int(c) for c in model.coords[2][1, 1])
    assert large[voxel]
    assert not small[voxel]
    assert cube(6, 8)[tuple(int(c) for c in model.coords[2][1, 2])]
    first = (0 + 2 * 27 / (27 + 125)) / 2  # Dice of the two samples after the first click
    second = (1 + 2 * 27 / (27 + 35)) / 2
    assert scores == pytest.approx([first, second, 1.0])


def test_previous_logits_are_fed_back_without_their_gradient():
    answer = logits_of(cube(2, 5)).requires_grad_()
    model = Told(answer, answer)
    run_episode(model, batch(cube(2, 6)), mean_logit, config(2), np.random.default_rng(0))
    assert not model.previous[0].any()
    assert torch.equal(model.previous[1], answer.detach())
    assert not model.previous[1].requires_grad


def test_loss_is_the_mean_over_the_clicks():
    answers = [torch.full((1, 1, P, P, P), value) for value in (1.0, 2.0, 6.0)]
    total, _ = run_episode(Told(*answers), batch(cube(2, 5)), mean_logit, config(3), np.random.default_rng(0))
    assert float(total) == pytest.approx(3.0)


def test_number_of_clicks_covers_its_range():
    counts = set()
    for seed in range(30):
        model = Told(*[logits_of(cube(0, 1))] * 3)
        episode = EpisodeConfig(clicks=(1, 3), prior_share=0.0)
        run_episode(model, batch(cube(2, 5)), mean_logit, episode, np.random.default_rng(seed))
        counts.add(len(model.coords))
    assert counts == {1, 2, 3}


def test_share_of_deepest_clicks():
    empty = logits_of(torch.zeros(P, P, P, dtype=torch.bool))
    second = []
    for seed in range(60):
        model = Told(empty, empty)
        episode = config(2, deepest_share=0.5)
        run_episode(model, batch(cube(1, 6), anchor=2), mean_logit, episode, np.random.default_rng(seed))
        second.append(model.coords[1][0, 1].tolist())
    assert 15 < second.count([3.0, 3.0, 3.0]) < 45
    assert all(cube(1, 6)[tuple(int(c) for c in voxel)] for voxel in second)


def test_prior_is_right_where_it_claims_to_know():
    """In most episodes a half that holds the anchor, right; in some the whole mask, moved by up to 3 voxels."""
    reference, halves, moved = cube(2, 5), 0, 0
    for seed in range(60):
        model = Told(logits_of(reference))
        sample = batch(reference)
        run_episode(model, sample, mean_logit, config(1, prior_share=1.0), np.random.default_rng(seed))
        prior = model.previous[0][0, 0]
        assert 2 <= prior.abs().max() <= 8
        if (prior != 0).all():
            moved += 1
            assert (prior > 0).sum() == reference.sum()
        else:
            halves += 1
            assert torch.equal((prior > 0)[prior != 0], reference[prior != 0])
            assert prior[3, 3, 3] > 0  # the anchor
            known = prior != 0
            flat = [axis for axis in range(3) if (known == known.select(axis, 0).unsqueeze(axis)).all()]
            assert len(flat) == 2  # cut along one axis only
    assert halves > 30
    assert moved > 5


def test_share_of_priors():
    reference, count = cube(2, 5), 0
    for seed in range(100):
        model = Told(logits_of(reference))
        run_episode(
            model, batch(reference), mean_logit, config(1, prior_share=0.2), np.random.default_rng(seed)
        )
        count += bool(model.previous[0].any())
    assert 8 < count < 35
