"""Time and peak memory of a session, beside baselines measured in the same run.

    python benchmarks/session_cost.py --shape 200 200 400 --spacing 4.0 4.0 3.0
    python benchmarks/session_cost.py --shape 400 400 1000 --spacing 1.65 1.65 1.65

Baselines: for time, the encoder run anew for every click; for memory, the bytes of the volume itself. The scan is an
ellipsoid body with a liver-sized organ; the first click lies in it, further ones correct it.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from seganypet.inference import Session
from seganypet.models.weights import load_model
from seganypet.volume import Volume


def body(shape: Sequence[int], spacing_mm: Sequence[float]) -> tuple[Volume, tuple[int, int, int]]:
    """Return a scan that fills its grid like a body does, and a voxel in the middle of its organ."""
    suv = np.zeros(tuple(shape), dtype=np.float32)
    centre = [n // 2 for n in shape]
    axes = [(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing_mm, strict=True)]
    x, y = np.meshgrid(axes[0] / 180.0, axes[1] / 120.0, indexing="ij")
    suv[x**2 + y**2 <= 1] = 0.6
    reach = [min(int(r / s), c) for r, s, c in zip((90.0, 70.0, 80.0), spacing_mm, centre, strict=True)]
    box = tuple(slice(c - r, c + r) for c, r in zip(centre, reach, strict=True))
    grid = np.meshgrid(*(np.linspace(-1, 1, 2 * r) for r in reach), indexing="ij")
    suv[box][sum(g**2 for g in grid) <= 1] = 2.3
    rng = np.random.default_rng(0)
    for k in range(shape[2]):
        suv[..., k] *= 1 + 0.08 * rng.standard_normal(suv.shape[:2], dtype=np.float32)
    suv.setflags(write=False)  # read-only arrays are shared, not copied
    return Volume(suv, np.diag([*spacing_mm, 1.0])), (centre[0], centre[1], centre[2])


def peak_mib(*, reset: bool = False) -> float:
    """Return the largest resident memory since the last reset, in MiB (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=3, default=(200, 200, 400))
    parser.add_argument("--spacing", type=float, nargs=3, default=(4.0, 4.0, 3.0))
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    model = load_model(arguments.weights)
    volume, (i, j, k) = body(arguments.shape, arguments.spacing)
    before = peak_mib(reset=True)
    times: dict[str, float] = {}
    session = Session(model)
    times["set_volume"] = _timed(lambda: session.set_volume(volume))
    times["first click"] = _timed(lambda: session.add_click((i, j, k)))
    offsets = [2, -2, 3, -3, 4]
    later = [_timed(lambda o=o: session.add_click((i + o, j, k))) for o in offsets]
    times["later click"] = float(np.median(later))
    windows = len(session._state.evidence.windows)
    again = []
    for offset in offsets:  # the baseline forgets its embeddings
        session._growth._predictor._embeddings.clear()
        again.append(_timed(lambda o=offset: session.add_click((i, j + o, k))))
    times["later click, encoder run anew"] = float(np.median(again))
    print(
        f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, {model.precision}, ",
        end="",
    )
    print(f"{'×'.join(map(str, arguments.shape))} voxels of {arguments.spacing} mm, {windows} windows")
    for name, seconds in times.items():
        print(f"{name:32s} {1000 * seconds:8.0f} ms")
    print(f"{'cached / run anew':32s} {times['later click'] / times['later click, encoder run anew']:8.2f}")
    size = volume.array.nbytes / 2**20
    print(f"{'volume':32s} {size:8.0f} MiB")
    print(f"{'peak before the session':32s} {before:8.0f} MiB")
    print(f"{'peak':32s} {peak_mib():8.0f} MiB, {(peak_mib() - before) / size:.2f} volumes more than before")


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
