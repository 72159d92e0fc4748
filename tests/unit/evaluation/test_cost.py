"""The costs of a network: all parts are measured, and the targets decide the windows."""

from __future__ import annotations

from dataclasses import replace
from math import pi

import pytest
import torch

from seganypet.errors import UsageError, WeightsError
from seganypet.evaluation import throughput
from seganypet.evaluation.cost import Subject, Task, check_task, measure_network
from seganypet.evaluation.scan import place_organs
from seganypet.evaluation.scripted_model import ScriptedModel
from seganypet.models.model import ModelDescription
from seganypet.models.presets import PRESETS
from synthetic_model import half_of_click
from tiny_weights import write_tiny_weights

CPU = torch.device("cpu")
TASK = Task(shape=(40, 40, 60), spacing_mm=(4.0, 4.0, 4.0), clicks=3)
_SMALL_PAPERS = {
    "patch_size": 32,
    "embed_dim": 48,
    "depth": 1,
    "num_heads": 2,
    "global_blocks": [0],
    "out_channels": 48,
}


@pytest.fixture(autouse=True)
def few_runs(monkeypatch):
    monkeypatch.setattr(throughput, "_ENOUGH_S", 0.0)


@pytest.fixture
def tiny(tmp_path) -> Subject:
    """Compact weights with windows of 64 mm."""
    return Subject(weights=str(write_tiny_weights(tmp_path)), precision="float32", device=CPU)


@pytest.fixture
def small_papers(monkeypatch) -> Subject:
    """A preset of the papers' architecture, with windows of 64 mm and logits a quarter as fine."""
    description = ModelDescription(
        name="small",
        architecture="sam3d",
        config=_SMALL_PAPERS,
        spacing_mm=2.0,
        normalisation="zscore_positive",
        prompt_policy="newest",
    )
    monkeypatch.setitem(PRESETS, "small", description)
    return Subject(preset="small", precision="float32", device=CPU)


@pytest.mark.parametrize("subject", ["tiny", "small_papers"])
def test_one_target_takes_one_window_and_the_other_three(subject, request):
    cost = measure_network(request.getfixturevalue(subject), TASK)
    assert [target.windows for target in cost.targets] == [1, 3]
    for target, organ in zip(
        cost.targets, place_organs(TASK.shape, TASK.spacing_mm, 64.0, network="x"), strict=True
    ):
        a, b, c = organ.half_axes_mm
        assert target.mask_ml == pytest.approx(4 / 3 * pi * a * b * c / 1000, rel=0.25)
        assert target.target == organ.name


def test_every_number_is_there(tiny):
    cost = measure_network(tiny, TASK)
    assert (cost.network, cost.precision, cost.patch_voxels, cost.voxel_mm) == ("tiny", "float32", 16, 4.0)
    assert cost.parameters == sum(p.numel() for p in tiny.load().network.parameters())
    for part in (cost.encoder, cost.decoder):
        assert part.seconds > 0
        assert part.flops > 0
    for target in cost.targets:
        assert target.case_seconds > cost.set_volume_seconds + target.first_click_seconds
        assert target.later_click_seconds is not None
    assert cost.peak_resident_bytes is None or cost.peak_resident_bytes > 50e6


def test_bfloat16_takes_the_same_operations(tiny):
    costs = [
        measure_network(Subject(weights=tiny.weights, precision=precision, device=CPU), TASK)
        for precision in ("float32", "bfloat16")
    ]
    assert [cost.precision for cost in costs] == ["float32", "bfloat16"]
    assert costs[0].encoder.flops == costs[1].encoder.flops
    assert costs[0].decoder.flops == costs[1].decoder.flops


def test_in_bfloat16_the_papers_decoder_stays_in_float32_and_the_compact_one_does_not(tiny, small_papers):
    for subject, expected in ((small_papers, "float32"), (tiny, "bfloat16")):
        cost = measure_network(replace(subject, precision="bfloat16"), TASK)
        assert cost.precision == cost.encoder.precision == "bfloat16"
        assert cost.decoder.precision == expected


@pytest.mark.parametrize("subject", ["tiny", "small_papers"])
def test_in_float32_all_parts_are(subject, request):
    cost = measure_network(request.getfixturevalue(subject), TASK)
    assert cost.precision == cost.encoder.precision == cost.decoder.precision == "float32"


def test_without_a_gpu_there_is_no_gpu_memory(tiny):
    assert measure_network(tiny, TASK).peak_gpu_bytes is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_peak_on_a_gpu_holds_at_least_the_weights(tiny):
    cost = measure_network(replace(tiny, device=torch.device("cuda")), TASK)
    assert cost.peak_gpu_bytes is not None
    assert cost.peak_gpu_bytes > 4 * cost.parameters


def test_a_single_click_has_none_after_it(tiny):
    cost = measure_network(tiny, Task(shape=TASK.shape, spacing_mm=TASK.spacing_mm, clicks=1))
    assert [target.later_click_seconds for target in cost.targets] == [None, None]


def test_a_scripted_model_works_as_hard_as_the_network_and_says_what_the_threshold_does():
    model = half_of_click(patch_size=4)
    scripted = ScriptedModel(model)
    patch = torch.zeros(1, 1, 4, 4, 4)
    patch[..., 2:] = 1.0
    embedding = scripted.encode(patch)
    for _ in range(2):
        logits = scripted.decode(embedding, torch.zeros(1, 1, 3), torch.zeros(1, 1, dtype=torch.long))
    assert (scripted.encoded, model.network.encoded, model.network.decoded) == (1, 1, 2)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, torch.where(patch > 0, 4.0, -4.0))


def test_checking_measures_nothing(tiny, small_papers, monkeypatch):
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: pytest.fail("measured"))
    for subject in (tiny, small_papers):
        check_task(subject, TASK)


def test_refuses_a_scan_too_small_for_the_windows(small_papers):
    with pytest.raises(
        UsageError,
        match=r'scan of 40 × 40 × 39 voxels of 4 × 4 × 4 mm spans 160 × 160 × 156 mm; the targets for "small" need '
        r"55 × 55 × 159 mm: give a larger --shape or --spacing-mm",
    ):
        check_task(small_papers, Task(shape=(40, 40, 39), spacing_mm=(4.0, 4.0, 4.0), clicks=1))


def test_refuses_a_preset_that_does_not_exist():
    with pytest.raises(WeightsError, match='preset "huge" is unknown; expected one of compact'):
        check_task(Subject(preset="huge", precision="float32", device=CPU), TASK)


def test_refuses_weights_that_do_not_exist():
    with pytest.raises(WeightsError, match=r'no weights named "none"'):
        check_task(Subject(weights="none", precision="float32", device=CPU), TASK)
