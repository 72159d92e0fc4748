"""The papers' network beside its literal transcription: same numbers, less time. Takes about two minutes.

    python benchmarks/papers_network.py

The transcription (`tests/literal_network.py`) is the straightforward implementation: windows padded to 14³ tokens and
nothing masked, every projection before its attention, all four masks. In float64 it is the reference for the numbers,
in float32 the baseline for the times, in the same run. Weights are random, with nothing left at zero.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from seganypet.evaluation.throughput import count_flops, matrix_rate, processor_name, seconds_of
from seganypet.models.model import Precision, SegmentationModel
from seganypet.models.presets import PRESETS, build_preset

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from literal_network import LiteralNetwork, random_tensors

_CLICKS = [((64, 60, 70), 1), ((80, 52, 61), 0), ((40, 90, 66), 1)]
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
_CPU = torch.device("cpu")

Decode = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def model_with(tensors: dict[str, Tensor], precision: Precision) -> SegmentationModel:
    """Return the papers' network with these weights."""
    network = build_preset("papers")
    network.load_state_dict(tensors)
    return SegmentationModel(network, PRESETS["papers"], device=_CPU, precision=precision)


def encoder_flops(patch: Tensor) -> int:
    """Return the multiplications and additions of the encoder, counted in float32: autocast disturbs the count."""
    network = build_preset("papers").eval()
    with torch.no_grad():
        return count_flops(lambda: network.encode(patch))


def logits_of_clicks(decode: Decode) -> list[Tensor]:
    """Return the logits after each click: the newest with the previous logits, as the authors do."""
    logits: list[Tensor] = []
    for place, label in _CLICKS:
        previous = logits[-1] if logits else None
        logits.append(decode(torch.tensor([[place]]), torch.tensor([[label]]), previous))
    return logits


def compare(name: str, embeddings: tuple[Tensor, Tensor], logits: tuple[list[Tensor], list[Tensor]]) -> None:
    """Print how far numbers are from those of the reference, at worst over the clicks."""
    errors = [_error(found, expected) for found, expected in zip(*logits, strict=True)]
    agreements, dices = [], []
    for found, expected in zip(*logits, strict=True):
        here, there = _mask(found), _mask(expected)
        agreements.append(float((here == there).double().mean()))
        dices.append(float(2 * (here & there).sum() / (here.sum() + there.sum())))
    print(
        f"{name:28s} embedding error {_error(*embeddings):.1e}, logits error {max(errors):.1e}, "
        f"mask agreement {100 * min(agreements):.4f} %, Dice {min(dices):.5f}"
    )


def _error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected).abs().max() / expected.abs().max())


def _mask(low_res_logits: Tensor) -> Tensor:
    full = torch.nn.functional.interpolate(low_res_logits.double(), scale_factor=4, mode="trilinear")
    return full > 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    tensors = random_tensors(build_preset("papers"), arguments.seed)
    patch = torch.randn(1, 1, 128, 128, 128)
    rates = {precision: matrix_rate(precision, _CPU).flops_per_second for precision in _PRECISIONS}
    speeds = ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {precision}" for precision, rate in rates.items())
    machine = f"{processor_name()}, {arguments.threads} threads, torch {torch.__version__}"
    print(f"{machine}; matrices multiply at {speeds}")

    exact, plain = LiteralNetwork({k: t.double() for k, t in tensors.items()}), LiteralNetwork(tensors)
    with torch.inference_mode():
        embedding = exact.encode(patch.double())
        logits = logits_of_clicks(lambda *prompts: exact.decode(embedding, *prompts))
        one = (torch.tensor([[_CLICKS[0][0]]]), torch.tensor([[_CLICKS[0][1]]]), logits[0].float())
        baseline = plain.encode(patch)
        plain_logits = logits_of_clicks(lambda *prompts: plain.decode(baseline, *prompts))
        compare("plain, float32", (baseline, embedding), (plain_logits, logits))
        seconds = {
            "plain, float32": (
                statistics.median(seconds_of(lambda: plain.encode(patch), _CPU)),
                statistics.median(seconds_of(lambda: plain.decode(baseline, *one), _CPU)),
            )
        }
    for precision in _PRECISIONS:
        model = model_with(tensors, precision)
        found = model.encode(patch)
        compare(precision, (found, embedding), (logits_of_clicks(lambda *p: model.decode(found, *p)), logits))  # noqa: B023
        seconds[precision] = (
            statistics.median(seconds_of(lambda: model.encode(patch), _CPU)),  # noqa: B023
            statistics.median(seconds_of(lambda: model.decode(found, *one), _CPU)),  # noqa: B023
        )
    plain_encoder, plain_decoder = seconds["plain, float32"]
    for name, (encoder, decoder) in seconds.items():
        print(
            f"{name:16s} encoder {1000 * encoder:7.0f} ms, {plain_encoder / encoder:5.1f} times plain; "
            f"decoder {1000 * decoder:6.1f} ms, {plain_decoder / decoder:5.1f} times plain"
        )
    flops = encoder_flops(patch)
    print(f"the encoder takes {flops / 1e9:.1f} GFLOP")
    for precision, rate in rates.items():
        limit = flops / rate
        print(
            f"encoder in {precision}: {seconds[precision][0] / limit:.2f} times the limit of {1000 * limit:.0f} ms"
        )


if __name__ == "__main__":
    main()
