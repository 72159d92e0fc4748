"""What weights of several scales judge their masks by, learned from simulated targets; 6 to 15 minutes on two cores.

    python benchmarks/judgement.py RUNS/default/weights.safetensors --data ../shared/data -o judged.safetensors
    python benchmarks/judgement.py RUNS/lesion/weights.safetensors --lesions -o judged.safetensors

Scales answer the clicks of a simulated reader on scans that weights are neither trained nor tested on, with tracers and
anatomies of training: all of them the first click, later ones those that a session would ask. From what can be seen of
the answers, see `inference.judging`, their Dice is estimated by ridge regression, at each scale. Printed: what the
choice by it is worth on scans left out of it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from protocol_cases import FIVE, HELD_OUT, OTHERS, size_name
from seganypet.evaluation import dice
from seganypet.inference.judging import estimated_dice
from seganypet.inference.regions import voxel_of
from seganypet.inference.scales import Found, Scales
from seganypet.models.judgement import CONSTANT, FEATURES, Judgement, key_of
from seganypet.models.model import SegmentationModel
from seganypet.models.weights import load_model, load_network, save_weights
from seganypet.phantom import PhantomConfig, simulate_case
from seganypet.phantom.cohort import read_anatomy
from seganypet.prompts import Click, deepest_voxel, next_click
from seganypet.training.recipes import SIMULATED_TARGETS
from seganypet.volume import BoolArray, Volume

FIRST_SEED: Final = 970_000
CLICKS: Final = 3
_TRACERS: Final = ("fdg", "fdg", "psma", "fapi", "fdg", "random")
_SPACINGS_MM: Final = ((4.0, 4.0, 3.0), (4.0, 4.0, 3.0), (4.0, 4.0, 5.0), (3.0, 3.0, 3.0))
_ANATOMIES: Final = ("visible_human_male_3mm", "totalsegmentator_example_labels_3mm")
_REST: Final = tuple(sorted(set(SIMULATED_TARGETS) - {*FIVE, *HELD_OUT, *OTHERS, "lesion"}))
# Of each group, how many targets a scan gives; and how many lesions.
_OF_EACH: Final = ((FIVE, 2), (HELD_OUT, 2), (OTHERS, 1), (_REST, 1))
_LESIONS: Final = 4
_LESIONS_ALONE: Final = 10
_LEAST_ML: Final = 2.0
_RANDOM_FIRST: Final = 0.4
_RIDGE: Final = 10.0
_FOLDS: Final = 6

Array = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """All scales' answers after a click.

    Attributes:
        scan: Its seed.
        lesion: Whether the target is one.
        click: Its number, from 1.
        features: [scales, features].
        dice: True one of each scale, [scales].
    """

    scan: int
    lesion: bool
    click: int
    features: Array
    dice: Array


def seen_in(seed: int, weights: str, data: Path, groups: Sequence[tuple[Sequence[str], int]]) -> list[Seen]:
    """Return what is seen of the targets of a scan."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model, rng = load_model(weights, precision="float32"), np.random.default_rng(seed)
    model.description = replace(model.description, judgement={})
    volume, targets = _scan(seed, data, groups, rng)
    scales = Scales(model, volume)
    return [row for name, mask in targets for row in _rows(seed, name, mask, scales, volume, rng)]


def _scan(
    seed: int, data: Path, groups: Sequence[tuple[Sequence[str], int]], rng: np.random.Generator
) -> tuple[Volume, list[tuple[str, BoolArray]]]:
    """Simulate a scan, every fourth with the anatomy of a label map; return it with some of each group, and lesions."""
    number = seed - FIRST_SEED
    config = PhantomConfig(
        spacing_mm=_SPACINGS_MM[number // 2 % len(_SPACINGS_MM)],
        tracer=_TRACERS[number % len(_TRACERS)],
        lesions="mixed",
        lesion_count=(10, 16),  # type: ignore[arg-type]
    )
    given = data / "anatomy" / f"{_ANATOMIES[number // 4 % len(_ANATOMIES)]}.nii.gz"
    case = simulate_case(seed, config, read_anatomy(given, seed) if number % 4 == 3 else None)
    voxel_ml, targets = case.volume.voxel_volume_ml, []
    for group, count in groups:
        masks = {name: np.isin(case.reference, case.labels.get(name, ())) for name in group}
        large = sorted(name for name, mask in masks.items() if mask.sum() * voxel_ml > _LEAST_ML)
        targets += [(str(name), masks[str(name)]) for name in rng.permutation(large)[:count]]
    sizes = [(n, (case.lesions == n).sum() * voxel_ml) for n in range(1, int(case.lesions.max()) + 1)]
    count = _LESIONS if groups else _LESIONS_ALONE
    lesions = [(size_name(ml), case.lesions == n) for n, ml in sizes if ml >= 0.5][:count]
    return case.volume, targets + lesions


def _rows(
    seed: int, name: str, reference: BoolArray, scales: Scales, volume: Volume, rng: np.random.Generator
) -> Iterator[Seen]:
    """Yield what is seen of a target after each click; the reader corrects the best mask or the likely one."""
    if rng.random() < _RANDOM_FIRST:
        first = rng.permutation(np.argwhere(reference))[0]
    else:
        first = np.asarray(deepest_voxel(reference, volume.spacing_mm))
    clicks, found = (Click(tuple(int(n) for n in first)),), Found()  # type: ignore[arg-type]
    for number in range(1, CLICKS + 1):
        found = scales.click(found, clicks)
        features = scales.features(found.evidence, clicks)
        masks = [_mask(scales, replace(found, shown=scale), clicks, volume) for scale in scales.grids]
        true = np.array([dice(mask, reference) for mask in masks])
        yield Seen(seed, name.startswith("lesion"), number, features, true)
        corrected = true if rng.random() < 0.5 else estimated_dice(features, [])
        click = next_click(masks[int(corrected.argmax())], reference, spacing_mm=volume.spacing_mm)
        if click is None:
            return
        clicks = (*clicks, click)


def _mask(scales: Scales, found: Found, clicks: Sequence[Click], volume: Volume) -> BoolArray:
    """Return the mask that a session would show."""
    mask = np.zeros(volume.shape, dtype=np.bool_)
    scales.restore(found, mask)
    for click in clicks:
        mask[voxel_of(click, volume.shape)] = click.positive
    return mask


def learned(seen: list[Seen], model: SegmentationModel) -> Judgement:
    """Return the coefficients at each scale."""
    features, true = np.array([row.features for row in seen]), np.array([row.dice for row in seen])
    terms = {}
    for number, scale in enumerate(model.description.scales):
        given = features[:, number]
        mean, deviation = given.mean(axis=0), given.std(axis=0) + 1e-6
        x, y = (given - mean) / deviation, true[:, number]
        weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - y.mean())) / deviation
        constant = float(y.mean() - mean @ weights)
        named = dict(zip(FEATURES, weights.tolist(), strict=True))
        terms[key_of(scale)] = {
            name: round(value, 5) for name, value in {**named, CONSTANT: constant}.items()
        }
    return terms


def report(seen: list[Seen], model: SegmentationModel) -> None:
    """Print a Markdown table of what choosing is worth, the estimates learned on other scans."""
    order = {key_of(scale): n for n, scale in enumerate(model.description.scales)}
    scans = sorted({row.scan for row in seen})
    true = np.array([row.dice for row in seen])
    estimates = np.zeros_like(true)
    for fold in range(_FOLDS):
        left_out = [n for n, row in enumerate(seen) if scans.index(row.scan) % _FOLDS == fold]
        terms = learned([row for n, row in enumerate(seen) if n not in set(left_out)], model)
        for n in left_out:
            estimates[n] = estimated_dice(seen[n].features, [terms[key] for key in order])
    simple = np.array([estimated_dice(row.features, []) for row in seen])
    lesion, first = np.array([row.lesion for row in seen]), np.array([row.click == 1 for row in seen])
    groups = {"lesions, click 1": lesion & first, "organs, click 1": ~lesion & first, "later clicks": ~first}
    groups = {name: group for name, group in groups.items() if group.any()}
    print("| shown | " + " | ".join(f"{name} ({g.sum()})" for name, g in groups.items()) + " | correlation |")
    print("|---" * (len(groups) + 2) + "|")
    choices: dict[str, tuple[Array, Array | None]] = {
        f"scale {key}": (true[:, n], None) for key, n in order.items()
    }
    everyone = np.arange(len(seen))
    for title, by in (("certainty and agreement", simple), ("the estimate", estimates)):
        choices[title] = true[everyone, by.argmax(axis=1)], by
    choices["the best"] = true.max(axis=1), None
    for title, (values, by) in choices.items():
        numbers = [f"{values[g].mean():.3f}" for g in groups.values()]
        numbers.append("" if by is None else f"{np.corrcoef(by.ravel(), true.ravel())[0, 1]:.2f}")
        print(f"| {title} | " + " | ".join(numbers) + " |")


def main() -> None:
    """Learn the judgement, tell what it is worth, write the weights with it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="of several scales, .safetensors")
    parser.add_argument("--cases", type=int, default=44, help="simulated scans")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument(
        "--without-held-out", action="store_true", help="for weights that never learned these organs"
    )
    parser.add_argument("--lesions", action="store_true", help="for weights that are for lesions alone")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".safetensors")
    arguments = parser.parse_args()
    left_out = set(HELD_OUT) if arguments.without_held_out else set()
    groups = [(sorted(set(names) - left_out), count) for names, count in _OF_EACH]
    work = partial(
        seen_in,
        weights=arguments.weights,
        data=arguments.data,
        groups=[] if arguments.lesions else groups,
    )
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.cases)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        seen = [row for rows in pool.map(work, seeds) for row in rows]
    model = load_model(arguments.weights, precision="float32")
    report(seen, model)
    network, description = load_network(arguments.weights)
    save_weights(network, replace(description, judgement=learned(seen, model)), arguments.output)


if __name__ == "__main__":
    main()
