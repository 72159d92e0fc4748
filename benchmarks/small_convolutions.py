"""What it saves to ask oneDNN for the convolutions of one window, which torch would leave to its own slower code.

    python benchmarks/small_convolutions.py

Baseline: `torch.nn.Conv3d` as it is, in the same run, on the same network. Float32: in bfloat16 torch takes oneDNN.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from unittest.mock import patch

import torch

from seganypet.models.layers import Convolution3d
from seganypet.models.weights import load_model

_REPEATS = 15


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of some calls, after one."""
    work()
    seconds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", default="default")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    model = load_model(arguments.weights, device="cpu", precision="float32")
    patch_ = torch.rand(1, 1, *3 * (model.field_size,))
    clicks, labels = torch.full((1, 3, 3), model.patch_size / 2), torch.ones(1, 3, dtype=torch.long)
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        embedding = model.encode(patch_)
        previous = model.decode(embedding, clicks, labels, None)
        parts: dict[str, Callable[[], object]] = {
            "encoder": lambda: model.encode(patch_),
            "decoder": lambda given=(embedding, clicks, labels, previous): model.decode(*given),  # type: ignore[misc]
        }
        for part, work in parts.items():
            ours = milliseconds(work)
            with patch.object(Convolution3d, "forward", torch.nn.Conv3d.forward):
                torchs = milliseconds(work)
            print(
                f"{threads} threads, {part}: {ours:.0f} ms, {torchs / ours:.1f} times as fast as {torchs:.0f} ms"
            )


if __name__ == "__main__":
    main()
