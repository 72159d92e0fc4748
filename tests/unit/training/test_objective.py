"""The loss of a batch: eq. 6 by hand, with a network that answers as told."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seganypet.models.presets import PRESETS
from seganypet.training.cpcl import CPCLConfig, consistency_loss
from seganypet.training.episode import EpisodeConfig
from seganypet.training.losses import segmentation_loss
from seganypet.training.objective import Objective
from seganypet.training.sample import Sample

P, STEPS = 4, 10


class Answers(nn.Module):
    """A network whose predictions are its parameters, one for each click."""

    logits_size = P

    def __init__(self, *answers: Tensor) -> None:
        super().__init__()
        self.answers = nn.ParameterList(nn.Parameter(answer) for answer in answers)

    def encode(self, patch: Tensor) -> Tensor:
        self.asked = 0
        return patch

    def decode(self, *_: Any) -> Tensor:
        self.asked += 1
        return self.answers[self.asked - 1]

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        return low_res_logits


@pytest.fixture
def answers() -> list[Tensor]:
    """Logits of two clicks on three samples."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(3, 1, P, P, P, generator=generator) for _ in range(2)]


@pytest.fixture
def batch() -> Sample:
    """A sample of high quality and two of low quality, whose truth differs from their labels."""
    generator = torch.Generator().manual_seed(2)
    reference = torch.rand(3, 1, P, P, P, generator=generator) > 0.5
    clean = torch.rand(3, 1, P, P, P, generator=generator) > 0.5
    return Sample(
        patch=torch.zeros(3, 1, P, P, P),
        reference=reference,
        clean=torch.where(torch.tensor([True, False, False]).view(3, 1, 1, 1, 1), reference, clean),
        hq=torch.tensor([True, False, False]),
        known=torch.tensor([True, True, True]),
        anchor=torch.zeros(3, 3, dtype=torch.long),
        box=torch.zeros(3, 2, 3),
        seed=torch.arange(3),
    )


def objective(answers: list[Tensor], cpcl: CPCLConfig | None) -> Objective:
    return Objective(
        Answers(*answers), PRESETS["compact"], EpisodeConfig(clicks=(2, 2)), cpcl, steps=STEPS, seed=0
    )


def supervised(answers: list[Tensor], labels: Tensor) -> Tensor:
    return torch.stack([segmentation_loss(logits, labels) for logits in answers]).mean(0)


def test_without_cpcl_every_label_counts_as_it_is(answers, batch):
    outcome = objective(answers, None)(batch, 3)
    assert outcome.loss.item() == pytest.approx(supervised(answers, batch.reference).mean().item())


def test_loss_is_equation_6_for_samples_of_either_quality(answers, batch):
    config = CPCLConfig(uncertainty_threshold=0.6, beta=5.0)
    outcome = objective(answers, config)(batch, 4)
    ramp = 0.1 * math.exp(-5 * (1 - 4 / STEPS))
    predictions = torch.stack(answers).sigmoid()
    mean = predictions.mean(0)
    entropy = -(mean * mean.log() + (1 - mean) * (1 - mean).log())
    rectified = batch.reference ^ (entropy > 0.6)
    assert 0 < (rectified != batch.reference).float().mean() < 1
    high = supervised(answers, batch.reference)[0]
    low = supervised(answers, rectified)[1:]
    expected = (high + (ramp * (consistency_loss(predictions)[1:] + 5.0 * low)).sum()) / 3
    assert outcome.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert outcome.terms["lambda"].item() == pytest.approx(ramp)
    assert outcome.terms["loss_hq"].item() == pytest.approx(high.item(), rel=1e-5)
    assert outcome.terms["loss_lq"].item() == pytest.approx(low.mean().item(), rel=1e-5)


def test_consistency_alone_keeps_the_labels_and_their_weight(answers, batch):
    config = CPCLConfig(labels="raw", lq_weight="full")
    loss = objective(answers, config)(batch, STEPS).loss
    plain = supervised(answers, batch.reference).sum()
    expected = (plain + 0.1 * consistency_loss(torch.stack(answers).sigmoid())[1:].sum()) / 3
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_without_consistency_the_term_is_reported_and_does_not_count(answers, batch):
    config = CPCLConfig(labels="raw", lq_weight="full", consistency=False)
    outcome = objective(answers, config)(batch, STEPS)
    assert outcome.loss.item() == pytest.approx(supervised(answers, batch.reference).mean().item(), rel=1e-5)
    assert outcome.terms["consistency"] > 0


def test_hq_samples_see_neither_rectification_nor_consistency(answers, batch):
    everything_hq = batch._replace(hq=torch.ones(3, dtype=torch.bool))
    with_cpcl = objective(answers, CPCLConfig(uncertainty_threshold=0.1))(everything_hq, STEPS)
    assert with_cpcl.loss.item() == pytest.approx(
        supervised(answers, batch.reference).mean().item(), rel=1e-5
    )
    assert with_cpcl.terms["loss_lq"].isnan()


def test_the_truth_behind_noisy_labels_is_never_learned_from(answers, batch):
    config = CPCLConfig(uncertainty_threshold=0.6)
    one = objective(answers, config)(batch, 4).loss
    other = objective(answers, config)(batch._replace(clean=~batch.clean), 4).loss
    assert torch.equal(one, other)


def test_report_tells_what_rectification_did_to_the_labels(answers, batch):
    """By hand: a prediction of 0.5 in one voxel alone, whose label is wrong, flips it and makes it right."""
    sure = torch.full((3, 1, P, P, P), 9.0)
    sure[1, 0, 0, 0, 0] = sure[2, 0, 0, 0, 1] = 0.0
    reference = torch.ones(3, 1, P, P, P, dtype=torch.bool)
    clean = reference.clone()
    clean[1, 0, 0, 0, 0] = False  # flipped rightly; the voxel of the third sample is flipped wrongly
    outcome = objective([sure, sure], CPCLConfig())(batch._replace(reference=reference, clean=clean), 0)
    voxels = P**3
    before = (2 * (voxels - 1) / (2 * voxels - 1) + 1) / 2
    after = (1 + 2 * (voxels - 1) / (2 * voxels - 1)) / 2
    terms = {name: term.item() for name, term in outcome.terms.items()}
    assert terms["lq_label_dice"] == pytest.approx(before)
    assert terms["rectified_label_dice"] == pytest.approx(after)
    assert terms["labels_changed"] == pytest.approx(2 / (2 * voxels))
    assert terms["changes_right"] == pytest.approx(0.5)


def test_labels_without_a_known_truth_play_no_part_in_the_report(answers, batch):
    config = CPCLConfig(uncertainty_threshold=0.6)
    third_unknown = batch._replace(known=torch.tensor([True, True, False]))
    found = objective(answers, config)(third_unknown, 4).terms
    first_two = Sample(*(part[:2] for part in batch))
    expected = objective([answer[:2] for answer in answers], config)(first_two, 4).terms
    for name in ("lq_label_dice", "rectified_label_dice", "labels_changed", "changes_right"):
        assert found[name].item() == pytest.approx(expected[name].item()), name
    none_known = batch._replace(known=torch.tensor([True, False, False]))
    assert objective(answers, config)(none_known, 4).terms["lq_label_dice"].isnan()


def test_every_prediction_and_every_sample_gets_a_gradient(answers, batch):
    trained = objective(answers, CPCLConfig())
    trained(batch, 5).loss.backward()
    for answer in trained.network.answers:
        assert (answer.grad.flatten(1).abs().sum(1) > 0).all()


def test_number_of_clicks_is_the_steps_and_not_the_batchs(answers, batch):
    network = Answers(*[answers[0]] * 5)
    trained = Objective(network, PRESETS["compact"], EpisodeConfig(clicks=(1, 5)), None, steps=STEPS, seed=3)
    counts = []
    for step in [*range(20), 0]:
        trained(batch, step)
        counts.append(network.asked)
    assert set(counts) == {1, 2, 3, 4, 5}
    assert counts[-1] == counts[0]
