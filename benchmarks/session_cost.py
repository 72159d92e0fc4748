"""What keeping embeddings saves, and what a session holds beside its scan: with trained weights and their own masks.

    python benchmarks/session_cost.py
    python benchmarks/session_cost.py --shape 400 400 1000 --spacing 1.65 1.65 1.65

Baselines: for time, the encoder run anew for every click; for memory, the bytes of the volume itself. Linux only. What
each network costs by itself, `seganypet benchmark` tells.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seganypet.evaluation.fresh_process import peak_resident_bytes
from seganypet.evaluation.scan import Organ, place_organs, synthetic_scan
from seganypet.inference import Session
from seganypet.models.model import SegmentationModel
from seganypet.models.weights import load_model
from seganypet.volume import Volume

CLICKS = (0.0, 0.2, -0.2, 0.3, -0.3, 0.4)


class NothingKept(SegmentationModel):
    """A model whose embeddings are made anew each time they are needed."""

    def encode(self, patch: Tensor) -> Tensor:
        """Return the patch itself."""
        return patch

    def decode(self, image_embedding: Any, *prompts: Any) -> Tensor:
        """Encode, then decode."""
        return super().decode(super().encode(image_embedding), *prompts)


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
    window_mm = model.patch_size * model.description.spacing_mm
    organs = place_organs(arguments.shape, arguments.spacing, window_mm, network=model.description.name)
    volume = synthetic_scan(arguments.shape, arguments.spacing, organs)
    before = peak_mib(reset=True)
    first, kept = clicked(model, volume, organs[0])
    peak = peak_mib()
    forgetful = NothingKept(model.network, model.description, device=model.device, precision=model.precision)
    _, anew = clicked(forgetful, volume, organs[0])
    print(f"{torch.get_num_threads()} threads, {model.precision}, volume of {volume.shape}")
    print(f"first click {1000 * first:.0f} ms, later click {1000 * kept:.0f} ms")
    print(f"later click, encoder run anew {1000 * anew:.0f} ms: kept / anew {kept / anew:.2f}")
    size = volume.array.nbytes / 2**20
    print(f"volume {size:.0f} MiB, peak before the session {before:.0f} MiB")
    print(f"peak {peak:.0f} MiB: {(peak - before) / size:.2f} volumes more")


def clicked(model: SegmentationModel, volume: Volume, organ: Organ) -> tuple[float, float]:
    """Return the seconds of the first click on an organ, and the median of further ones."""
    session, seconds = Session(model), []
    session.set_volume(volume)
    for along in CLICKS:
        started = time.perf_counter()
        session.add_click(organ.click(along, volume.spacing_mm))
        seconds.append(time.perf_counter() - started)
    return seconds[0], statistics.median(seconds[1:])


def peak_mib(*, reset: bool = False) -> float:
    """Return the largest resident memory since the last reset, in MiB."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    return (peak_resident_bytes() or 0) / 2**20


if __name__ == "__main__":
    main()
