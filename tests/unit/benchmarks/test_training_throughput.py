"""The two loops that the benchmark compares: they train the same network, and no time gets lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from seganypet.models.sam3d import SAM3DConfig

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
import training_throughput as benchmark
from plain_training import PlainLoop, _clicks_in_error
from training_parts import PARTS, Seconds, TimedNetwork

TINY = SAM3DConfig(
    patch_size=32,
    token_size=8,
    embed_dim=12,
    depth=2,
    num_heads=2,
    window_size=6,
    global_blocks=(1,),
    out_channels=48,
    decoder_mlp_dim=16,
    iou_head_dim=8,
)


def test_both_loops_find_the_same_loss_and_gradients_for_one_click() -> None:
    torch.manual_seed(0)
    network = TimedNetwork(TINY)
    batch = benchmark.ready_batch(32, 2, hq=True)
    one_voxel = torch.zeros_like(batch.reference)
    one_voxel[:, :, 16, 16, 16] = True  # leaves no choice where to click
    batch = batch._replace(reference=one_voxel, clean=one_voxel)
    plain = PlainLoop(network, clicks=1, learning_rate=0.0)

    total = plain.step(batch)
    outcome = benchmark.our_objective(network, 1)(batch, 0)
    outcome.loss.backward()

    assert float(outcome.loss.detach()) == pytest.approx(total, rel=1e-5)
    compared = 0
    for name, parameter in network.named_parameters():
        if parameter.grad is not None:
            theirs = plain.tensors[name].grad
            expected = torch.zeros_like(parameter) if theirs is None else theirs  # of labels that nobody gave
            torch.testing.assert_close(parameter.grad, expected, rtol=1e-3, atol=1e-6, msg=name)
            compared += int(theirs is not None)
    assert compared > 80


@pytest.mark.parametrize("loop", [benchmark.PLAIN, "float32", "bfloat16, CPCL"])
def test_every_loop_trains_and_its_memory_and_time_are_told(loop: str) -> None:
    task = benchmark.Task(network=TINY, batch=1, clicks=3, steps=2)
    measurement = benchmark.measure(loop, task)
    assert len(measurement.steps) == 2
    assert measurement.seconds.wall > 0
    assert loop == benchmark.PLAIN or all(measurement.steps[0][part].wall > 0 for part in PARTS)


def test_clicks_of_the_plain_loop_fall_on_errors_with_the_label_of_the_reference() -> None:
    reference = torch.zeros(2, 1, 4, 4, 4, dtype=torch.bool)
    prediction = torch.full((2, 1, 4, 4, 4), -5.0)
    reference[0, 0, 1, 2, 3] = True  # missed
    prediction[1, 0, 3, 0, 2] = 5.0  # in excess
    prediction[1, 0, 0, 0, 0] = 0.4  # not above what the released code asks for
    coords, labels = _clicks_in_error(prediction, reference)
    assert coords.tolist() == [[[1, 2, 3]], [[3, 0, 2]]]
    assert labels.tolist() == [[1], [0]]


def test_ratios_are_taken_within_a_round() -> None:
    def taking(wall: float, cpu: float) -> benchmark.Measurement:
        return benchmark.Measurement(steps=({"optimiser": Seconds(wall, cpu)},), peak_bytes=2**30)

    found = {
        benchmark.PLAIN: [taking(8.0, 4.0), taking(24.0, 4.0)],
        "float32": [taking(2.0, 1.0), taking(4.0, 0.5)],
    }
    row = benchmark.table(found, 2).splitlines()[-1]
    assert row == "| float32 | 2.00 to 4.00 | 0.667 | 4.00 to 6.00 | 0.50 to 1.00 | 4.00 to 8.00 | 1.0 GiB |"
