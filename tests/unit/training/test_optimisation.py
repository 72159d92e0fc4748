"""Groups, rates and decay of the optimiser, and the schedules, by hand and as the papers have them."""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from tiny_training import TinyNetwork
from torch import nn

from seganypet.errors import UsageError
from seganypet.training.optimisation import (
    OptimiserConfig,
    ScheduleConfig,
    advance,
    build_optimiser,
    build_schedule,
    schedule_factor,
)

P1 = OptimiserConfig(learning_rate=8e-4)
P2 = OptimiserConfig(learning_rate=8e-5, prompt_and_decoder_factor=0.1)


def rates(optimiser: torch.optim.Optimizer) -> dict[str, float]:
    return {group["name"]: group["lr"] for group in optimiser.param_groups}


def test_first_paper_trains_all_parts_at_one_rate():
    optimiser = build_optimiser(TinyNetwork(), P1)
    assert rates(optimiser) == {"image_encoder": 8e-4, "prompt_encoder": 8e-4, "mask_decoder": 8e-4}


def test_second_paper_trains_prompts_and_decoder_ten_times_slower():
    found = rates(build_optimiser(TinyNetwork(), P2))
    assert found["image_encoder"] == 8e-5
    assert found["prompt_encoder"] == found["mask_decoder"] == pytest.approx(8e-6)


def test_every_parameter_decays_and_is_in_its_group_once():
    network = TinyNetwork()
    optimiser = build_optimiser(network, P2)
    assert isinstance(optimiser, torch.optim.AdamW)
    assert all(group["weight_decay"] == 0.1 for group in optimiser.param_groups)
    for group in optimiser.param_groups:
        expected = list(getattr(network, group["name"]).parameters())
        assert [id(p) for p in group["params"]] == [id(p) for p in expected]


def test_first_step_by_hand():
    """Decay first, w - lr·0.1·w; then Adam's first step, which is lr against the sign of the gradient."""
    network = TinyNetwork()
    weights = (network.image_encoder[0].weight, network.mask_decoder[1].weight)
    with torch.no_grad():
        for weight in weights:
            weight.fill_(2.0)
    optimiser = build_optimiser(network, OptimiserConfig(learning_rate=0.5, prompt_and_decoder_factor=0.1))
    (3.0 * weights[0].sum() - 7.0 * weights[1].sum()).backward()
    optimiser.step()
    assert weights[0].flatten().tolist() == pytest.approx([2.0 - 0.5 * 0.1 * 2.0 - 0.5] * 2)
    assert weights[1].flatten().tolist() == pytest.approx([2.0 - 0.05 * 0.1 * 2.0 + 0.05] * 2)


def test_betas_reach_the_optimiser():
    config = OptimiserConfig(learning_rate=1.0, betas=(0.8, 0.98))
    assert build_optimiser(TinyNetwork(), config).defaults["betas"] == (0.8, 0.98)


def test_frozen_parameters_are_left_out():
    network = TinyNetwork()
    network.prompt_encoder.corner.requires_grad_(False)
    network.mask_decoder.requires_grad_(False)
    groups = build_optimiser(network, P1).param_groups
    assert [group["name"] for group in groups] == ["image_encoder", "prompt_encoder"]
    held = {id(p) for group in groups for p in group["params"]}
    assert held == {id(p) for p in network.parameters() if p.requires_grad}


def test_refuses_a_network_without_the_three_parts():
    with pytest.raises(
        UsageError, match="Linear has no image_encoder, prompt_encoder, mask_decoder; all three"
    ):
        build_optimiser(nn.Linear(1, 1), P1)


def test_refuses_a_parameter_beside_the_three_parts():
    network = TinyNetwork()
    network.extra = nn.Linear(1, 1)
    with pytest.raises(UsageError, match=r"parameter extra\.weight lies in none of image_encoder"):
        build_optimiser(network, P1)


def test_refuses_a_network_with_nothing_to_train():
    with pytest.raises(UsageError, match="TinyNetwork has no parameter that needs a gradient"):
        build_optimiser(TinyNetwork().requires_grad_(False), P1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0.0}, r"learning_rate is 0\.0; expected a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"prompt_and_decoder_factor": -1.0}, r"prompt_and_decoder_factor is -1\.0"),
        ({"weight_decay": -0.1}, r"weight_decay is -0\.1; expected 0 or more"),
        ({"betas": (0.9, 1.0)}, r"betas is \(0\.9, 1\.0\)"),
        ({"betas": (0.9,)}, r"betas is \(0\.9,\)"),
    ],
)
def test_refuses_optimisers_that_make_no_sense(values, message):
    with pytest.raises(UsageError, match=message):
        OptimiserConfig(**({"learning_rate": 1.0} | values))


@pytest.mark.parametrize(
    ("epochs", "milestones"), [(200, (0.6, 0.9)), (500, (0.24, 0.36))], ids=["first paper", "second paper"]
)
def test_papers_lower_the_rate_at_epochs_120_and_180(epochs, milestones):
    config, per_epoch = ScheduleConfig(milestones=milestones, gamma=0.1), 7
    factors = [schedule_factor(config, epochs * per_epoch, step) for step in range(epochs * per_epoch)]
    assert factors[: 120 * per_epoch] == [1.0] * (120 * per_epoch)
    assert factors[120 * per_epoch : 180 * per_epoch] == pytest.approx([0.1] * (60 * per_epoch))
    assert factors[180 * per_epoch :] == pytest.approx([0.01] * ((epochs - 180) * per_epoch))


def test_multistep_is_that_of_torch():
    config = ScheduleConfig(milestones=(0.3, 0.8), gamma=0.5)
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.MultiStepLR(optimiser, [3, 8], gamma=0.5)
    for step in range(10):
        assert schedule_factor(config, 10, step) == reference.get_last_lr()[0]
        optimiser.step()
        reference.step()


def test_cosine_by_hand():
    found = [schedule_factor(ScheduleConfig(kind="cosine"), 4, step) for step in range(4)]
    assert found == pytest.approx([1.0, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2])


def test_constant_stays():
    assert [schedule_factor(ScheduleConfig(kind="constant"), 3, step) for step in range(3)] == [1.0] * 3


def test_warm_up_rises_to_the_schedule():
    constant = ScheduleConfig(kind="constant", warmup_steps=4)
    assert [schedule_factor(constant, 9, step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    cosine = ScheduleConfig(kind="cosine", warmup_steps=4)
    assert schedule_factor(cosine, 4, 2) == pytest.approx(0.75 * 0.5)


def test_scheduler_sets_the_rates_of_all_groups_step_by_step():
    optimiser = build_optimiser(TinyNetwork(), P2)
    schedule = build_schedule(optimiser, ScheduleConfig(milestones=(0.5,), warmup_steps=2), 4)
    seen = []
    for _ in range(4):
        seen.append(rates(optimiser))
        optimiser.step()
        advance(schedule)
    assert [each["image_encoder"] for each in seen] == pytest.approx([4e-5, 8e-5, 8e-6, 8e-6])
    assert [each["mask_decoder"] for each in seen] == pytest.approx([4e-6, 8e-6, 8e-7, 8e-7])


def test_first_step_that_was_skipped_is_no_reason_to_warn():
    schedule = build_schedule(build_optimiser(TinyNetwork(), P1), ScheduleConfig(kind="constant"), 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        advance(schedule)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "linear"}, "kind is 'linear'; expected one of multistep, cosine, constant"),
        ({"kind": "multistep"}, "milestones is empty; a multistep schedule has some"),
        ({"kind": "cosine", "milestones": (0.5,)}, "a multistep schedule has some, a cosine one none"),
        ({"milestones": (0.9, 0.6)}, r"milestones is \(0\.9, 0\.6\); expected rising parts"),
        ({"milestones": (0.6, 0.6)}, "expected rising parts"),
        (
            {"milestones": (120, 180)},
            r"milestones is \(120, 180\); expected rising parts of all steps between 0",
        ),
        ({"milestones": (0.5,), "gamma": 0.0}, r"gamma is 0\.0; expected a number above 0, at most 1"),
        ({"kind": "constant", "warmup_steps": -1}, "warmup_steps is -1; expected 0 or more"),
    ],
)
def test_refuses_schedules_that_make_no_sense(values, message):
    with pytest.raises(UsageError, match=message):
        ScheduleConfig(**values)
