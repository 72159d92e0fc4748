"""What a target over many windows costs: a ball of 300 mm, 27 windows of the papers' network. Linux only.

    python benchmarks/large_target.py --preset papers
    python benchmarks/large_target.py --preset papers --everything

The network has random weights and does all its work; its masks are those of a threshold. The baseline is the process
before the session, with Python, torch, the network and the volume in it.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt
import torch

from seganypet.evaluation.scripted_model import ScriptedModel
from seganypet.inference import Session
from seganypet.models.model import SegmentationModel
from seganypet.models.presets import PRESETS, build_preset
from seganypet.volume import Volume
from session_cost import peak_mib

_SHAPE, _SPACING_MM = (200, 200, 400), (4.0, 4.0, 3.0)
_TARGET_MM, _GIVEN_MM = 300.0, 200.0
_CLICKS = ((100, 100, 200), (105, 100, 200), (95, 100, 200), (110, 100, 200))


def ball(diameter_mm: float) -> npt.NDArray[np.bool_]:
    """Return what lies in a ball in the middle of the volume."""
    axes = np.ogrid[tuple(slice(0, n) for n in _SHAPE)]
    squares = (
        ((axis - n / 2) * mm).astype(np.float32) ** 2
        for axis, n, mm in zip(axes, _SHAPE, _SPACING_MM, strict=True)
    )
    i, j, k = squares
    inside: npt.NDArray[np.bool_] = i + j + k < (diameter_mm / 2) ** 2
    return inside


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="compact")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument(
        "--everything", action="store_true", help="a mask to start from, undo, redo, probability, uncertainty"
    )
    arguments = parser.parse_args()
    network, description = build_preset(arguments.preset), PRESETS[arguments.preset]
    device = torch.device("cpu")
    model = ScriptedModel(
        SegmentationModel(network, description, device=device, precision=arguments.precision)
    )
    suv = np.where(ball(_TARGET_MM), np.float32(10), np.float32(1))
    suv.setflags(write=False)  # so that the volume does not copy it
    session, volume = Session(model), Volume(suv, np.diag([*_SPACING_MM, 1.0]))
    before = peak_mib(reset=True)
    session.set_volume(volume)
    if arguments.everything:
        session.add_mask(volume.like(ball(_GIVEN_MM)))
    seconds = []
    for click in _CLICKS:
        started = time.perf_counter()
        session.add_click(click)
        seconds.append(time.perf_counter() - started)
    if arguments.everything:
        session.undo()
        session.redo()
        _ = session.probability, session.uncertainty
    print(f"{arguments.preset}, {arguments.precision}: {model.encoded} patches encoded")
    print(f"first click {seconds[0]:.1f} s, later click {np.median(seconds[1:]):.2f} s")
    print(f"peak {peak_mib():.0f} MiB, {before:.0f} MiB before the session: {peak_mib() / before:.2f} times")


if __name__ == "__main__":
    main()
