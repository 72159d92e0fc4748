"""How far labels of low quality are from the truth: Dice by preset, on simulated bodies.

python benchmarks/label_noise.py --seeds 6
"""

from __future__ import annotations

import argparse

import numpy as np

from seganypet.phantom import PhantomCase, PhantomConfig, simulate_case
from seganypet.phantom.labels import LabelError, mild, noisy_labels, severe, typical

FIRST_SEED = 970_000
TRACERS = ("fdg", "fdg", "psma", "fapi", "random", "random")
FIVE_ORGANS = ("liver", "spleen", "heart", "kidney_left", "kidney_right")
PRESETS = {"mild": mild(), "typical": typical(), "severe": severe()}


def bodies() -> list[PhantomCase]:
    """Return six simulated scans at 4 mm."""
    return [
        simulate_case(FIRST_SEED + at, PhantomConfig(tracer=tracer, lesion_count=(7, 15)))  # type: ignore[arg-type]
        for at, tracer in enumerate(TRACERS)
    ]


def errors_of(case: PhantomCase, preset: str, seed: int) -> tuple[LabelError, ...]:
    """Return the recorded errors of one draw of noisy labels."""
    spacing_mm = case.volume.spacing_mm
    rng = np.random.default_rng([FIRST_SEED, seed])
    noisy = noisy_labels(
        case.reference, case.lesions, case.volume.array, case.labels, spacing_mm, rng, PRESETS[preset]
    )
    return noisy.errors


def groups(errors: tuple[LabelError, ...]) -> dict[str, list[float]]:
    """Return the Dice of organs, of five large organs, of single lesions, and of all lesions of a case."""
    true = [error for error in errors if error.true_volume_ml > 0]
    single = [e for e in true if e.target.startswith("lesion_")]
    return {
        "all organs and parts": [e.dice for e in true if not e.target.startswith("lesion")],
        "five organs": [e.dice for e in true if e.target in FIVE_ORGANS],
        "single lesions": [e.dice for e in single],
        "all lesions of a case": [e.dice for e in true if e.target == "lesions"],
        "lost": [float(e.volume_ml == 0) for e in single],
        "false": [float(sum(e.true_volume_ml == 0 and e.target.startswith("lesion_") for e in errors))],
    }


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=6, help="draws for each body (default: %(default)d)")
    arguments = parser.parse_args()
    cases = bodies()
    found: dict[str, dict[str, list[float]]] = {}
    for preset in PRESETS:
        for case in cases:
            for seed in range(arguments.seeds):
                for name, values in groups(errors_of(case, preset, seed)).items():
                    found.setdefault(name, {}).setdefault(preset, []).extend(values)
    print("| Dice: mean (5th percentile) | mild | typical | severe |\n|---|---|---|---|")
    for name, by_preset in found.items():
        if name in ("lost", "false"):
            title = {"lost": "share of lesions lost", "false": "false positives a case"}[name]
            cells = [f"{np.mean(by_preset[preset]):.2f}" for preset in PRESETS]
        else:
            title = name
            cells = [f"{np.mean(v):.3f} ({np.percentile(v, 5):.3f})" for v in by_preset.values()]
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
