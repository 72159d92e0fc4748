"""What rectification does to noisy labels, for many thresholds at once: no training, only a model's predictions.

    python benchmarks/rectification.py COHORTS --train train_severe --weights RUNS/hq_0/weights.safetensors

For patches of low quality with a known truth, a model answers simulated clicks on the noisy label, as in training; then
labels are rectified by every rule and threshold, and compared with the truth: mean Dice, share of voxels changed, share
of the changes that are right. First the labels as they are.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import default_collate

from ablation_targets import SEEN
from seganypet.models.weights import load_network
from seganypet.training.agreement import dice
from seganypet.training.cohort import Cohort, read_cohort
from seganypet.training.cpcl import CPCLConfig, rectified_labels
from seganypet.training.cutting import PatchFormat
from seganypet.training.datasets import CohortPatches
from seganypet.training.episode import EpisodeConfig, run_episode
from seganypet.training.sample import Sample
from seganypet.training.sampling import SamplingConfig

BATCH = 4
THRESHOLDS = (0.3, 0.5, 0.6, 0.65, 0.68, 0.69, "mean")
DISAGREEMENTS = (0.05, 0.1, 0.2, 0.3, "mean")
SURE = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def rules() -> Iterator[tuple[str, CPCLConfig]]:
    """Yield every rule with its name."""
    yield "as they are", CPCLConfig(labels="raw")
    for entropy, thresholds in (("mean", THRESHOLDS), ("last", THRESHOLDS), ("disagreement", DISAGREEMENTS)):
        for threshold in thresholds:
            name = f"flipped where the {entropy} entropy exceeds {threshold}"
            yield name, CPCLConfig(entropy=entropy, uncertainty_threshold=threshold)
    for threshold in SURE:
        name = f"replaced where the mean entropy is below {threshold}"
        yield name, CPCLConfig(labels="confident", uncertainty_threshold=threshold)
    yield "replaced everywhere", CPCLConfig(labels="confident", uncertainty_threshold=math.log(2))


def main() -> None:
    """Measure, print a Markdown table for each weight file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohorts", type=Path)
    parser.add_argument("--train", default="train")
    parser.add_argument("--weights", nargs="+", required=True)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--clicks", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    manifest = arguments.cohorts / arguments.train / "manifest.csv"
    cohort = read_cohort([manifest], "train", arguments.cohorts / "cache", names=SEEN)
    for weights in arguments.weights:
        print(
            f"\n{weights}\n\n| labels | Dice with the truth | below | voxels changed | changes that are right |"
        )
        print("|---|---|---|---|---|")
        for name, rows in measured(weights, cohort, arguments).items():
            values = np.array(rows)
            scores, changed, right = values[:, 0], values[:, 1].sum(), values[:, 2].sum()
            share = changed / values[:, 3].sum()
            cells = [name, f"{scores.mean():.3f}", f"{np.quantile(scores, 0.1):.3f}"]
            print(
                "| "
                + " | ".join([*cells, f"{share:.3%}", f"{right / changed:.0%}" if changed else "-"])
                + " |",
                flush=True,
            )


@torch.no_grad()
def measured(weights: str, cohort: Cohort, arguments: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Return Dice, changed voxels, rightly changed ones and all, of every sample by rule."""
    network, description = load_network(weights)
    network.eval()
    form = PatchFormat(
        patch_size=network.patch_size,
        around=(network.field_size - network.patch_size) // 2,
        spacing_mm=description.spacing_mm,
        normalisation=description.normalisation,
    )
    patches = CohortPatches(cohort, form, SamplingConfig(hq_share=0.0), 77)
    episode = EpisodeConfig(clicks=(arguments.clicks,) * 2, policies=(("uniform", 0.5), ("deepest", 0.5)))
    found: dict[str, list[list[float]]] = {name: [] for name, _ in rules()}
    for first in range(0, arguments.samples, BATCH):
        batch: Sample = default_collate([patches[n] for n in range(first, first + BATCH)])
        with torch.autocast("cpu", torch.bfloat16):
            logits = run_episode(network, batch, episode, description, np.random.default_rng(0))
        predictions = [one.float().sigmoid() for one in logits]
        for name, rule in rules():
            labels = rectified_labels(predictions, batch.reference, rule)
            changed = labels != batch.reference
            right = changed & (batch.reference != batch.clean)
            counts = [part.flatten(1).sum(1) for part in (changed, right, torch.ones_like(changed))]
            found[name] += torch.stack([dice(labels, batch.clean), *counts], dim=1).tolist()
    return found


if __name__ == "__main__":
    main()
