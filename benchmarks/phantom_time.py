"""What simulating a whole-body case costs on one core, stage by stage.

    python benchmarks/phantom_time.py --cases 10

4 x 4 x 3 mm; the stages are timed once more on their own. Times are ratios' raw material: compare them with the
matrix product timed in the same run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch

from seganypet.phantom import PhantomConfig, procedural_anatomy, render, simulate_case
from seganypet.phantom.labels import noisy_labels, typical
from seganypet.phantom.simulate import draw_patient_scan

SPACING_MM = (4.0, 4.0, 3.0)
FIRST_SEED = 960_000
T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Return the wall-clock seconds that a call takes, and its result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def product_s() -> float:
    """Return the seconds of a float32 product of two matrices of 2048 x 2048, the best of five."""
    a = torch.rand(2048, 2048)
    return min(timed(lambda: a @ a)[0] for _ in range(5))


def stages(seed: int, config: PhantomConfig) -> dict[str, float]:
    """Return the seconds of each stage of a case."""
    rngs = np.random.default_rng(seed).spawn(4)
    body, anatomy = timed(lambda: procedural_anatomy(rngs[0], spacing_mm=SPACING_MM))
    examination = config.draw_examination(rngs[1])
    patient_s, (patient, _) = timed(lambda: draw_patient_scan(anatomy, config, examination, rngs[1], rngs[2]))
    tissues = torch.from_numpy(anatomy.label_map.copy())[None]
    image, _ = timed(lambda: render(tissues, [patient], SPACING_MM, [rngs[3]]))
    return {"body": body, "patient and lesions planned": patient_s, "activity, lesions drawn, image": image}


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=10, help="how many (default: %(default)d)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = PhantomConfig(spacing_mm=SPACING_MM, tracer="mixed", lesions="mixed")
    simulate_case(FIRST_SEED, config)
    rows: dict[str, list[float]] = {}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.cases):
        whole, case = timed(lambda seed=seed: simulate_case(seed, config))  # type: ignore[misc]
        noisy, _ = timed(
            lambda case=case, seed=seed: noisy_labels(  # type: ignore[misc]
                case.reference,
                case.lesions,
                case.volume.array,
                case.labels,
                SPACING_MM,
                np.random.default_rng(seed),
                typical(),
            )
        )
        megavoxels = float(np.prod(case.volume.shape)) / 1e6
        measured = {"a case, all in all": whole, **stages(seed, config), "labels of low quality": noisy}
        for name, value in {**measured, "(million voxels)": megavoxels}.items():
            rows.setdefault(name, []).append(value)
    print(f"product of two 2048 x 2048 matrices, one core: {product_s():.3f} s\n")
    print("| stage | mean, s | longest, s |\n|---|---|---|")
    for name, values in rows.items():
        print(f"| {name} | {np.mean(values):.2f} | {np.max(values):.2f} |")


if __name__ == "__main__":
    main()
