"""Dice after each of five clicks: models beside the clinic's methods, on cases that their training never saw.

    python benchmarks/click_accuracy.py --set anatomy --set bodies --set tumours -o clicks.csv
    python benchmarks/click_accuracy.py --set tuning --cases 4 --weights run/best.safetensors   # to choose settings by
    python benchmarks/click_accuracy.py --set fold1 --weights RUNS/fold1/weights.safetensors --label ours -o fold1.csv
    python benchmarks/click_tables.py fold1.csv fold2.csv fold3.csv                             # one table of several

The first click goes to the target's deepest voxel (`--random-first`: to any of its voxels), each later one to the
deepest voxel of the largest error. Thresholds answer the first click only.
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from click_tables import CLICKS, Row, report, report_worse
from clicked_dice import dice_per_click
from protocol_cases import SETS, Case, Maker, cases
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Method, Scan
from seganypet.evaluation.methods.registry import chosen
from seganypet.evaluation.methods.session import SessionMethod
from seganypet.evaluation.readers import Habits
from seganypet.models.weights import load_model, shipped_weights

BASELINES = ("threshold41", "region_growing", "random_walker")


def model_of(
    weights: str, precision: str, passes: tuple[int, int] | None, scales: tuple[float, ...] | None
) -> Method:
    """Return a model as a method."""
    model = load_model(weights, precision=precision)
    if passes:
        model.description = replace(model.description, passes=passes)
    if scales:
        model.description = replace(model.description, scales=scales, judgement={})
    return SessionMethod(model)


def baseline(name: str) -> Method:
    """Return a method of the clinic."""
    return chosen(name).build(Options())


def rows_of(
    maker: Maker, methods: dict[str, Callable[[], Method]], random_first: bool, only: Sequence[str] = ()
) -> list[Row]:
    """Return what all methods reach on one case."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    case = maker()
    if only:
        chosen = [target for target in case.targets if target[0].startswith(tuple(only))]
        case = case._replace(targets=chosen)
    return [row for name, method in methods.items() for row in _rows(case, name, method(), random_first)]


def _rows(case: Case, name: str, method: Method, random_first: bool) -> list[Row]:
    method.start(Scan(case=case.name, volume=case.volume))
    rows: list[Row] = []
    for number, (target, mask) in enumerate(case.targets):
        started = time.perf_counter()
        scores = dice_per_click(
            method,
            mask,
            case.volume.spacing_mm,
            clicks=CLICKS,
            habits=Habits(first="uniform" if random_first else "deepest"),
            generator=np.random.default_rng([number, *case.name.encode()]),
        )
        dices = {f"dice_{n}": round(score, 4) for n, score in enumerate(scores, start=1)}
        row: Row = {
            "case": case.name,
            "group": case.group,
            "target": target,
            "number": number,
            "method": name,
        }
        row |= {"volume_ml": round(float(mask.sum() * case.volume.voxel_volume_ml), 2)} | dices
        rows.append(row | {"seconds": round(time.perf_counter() - started, 3)})
    return rows


def main() -> None:
    """Measure, print Markdown tables, write one row per target and method."""
    arguments = _arguments()
    methods: dict[str, Callable[[], Method]] = {
        label: partial(model_of, weights, arguments.precision, arguments.passes, arguments.scales)
        for label, weights in zip(arguments.label or arguments.weights, arguments.weights, strict=True)
    }
    methods |= {name: partial(baseline, name) for name in arguments.baselines}
    makers = [maker for name in arguments.set for maker in cases(name, arguments.data, arguments.cases)]
    work = partial(rows_of, methods=methods, random_first=arguments.random_first, only=arguments.only)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        rows = [row for found in pool.map(work, makers) for row in found]
    report(rows)
    report_worse(rows)
    if arguments.output:
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", required=True, choices=SETS)
    parser.add_argument("--cases", type=int, default=8, help="simulated scans of each set")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--weights", nargs="*", default=["default"], help="weights to test")
    parser.add_argument("--label", nargs="*", help="what to call them in the table, one each")
    parser.add_argument("--baselines", nargs="*", default=list(BASELINES), choices=BASELINES)
    parser.add_argument(
        "--passes", type=int, nargs=2, help="decoder passes on a new window, and after later clicks"
    )
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument(
        "--scales", type=float, nargs="+", help="scales to use, of those that were learned; without judgement"
    )
    parser.add_argument(
        "--random-first", action="store_true", help="first click on a random voxel of the target"
    )
    parser.add_argument(
        "--only", nargs="*", default=(), metavar="NAME", help="targets whose names begin so, such as lesion"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("-o", "--output", type=Path, help="table of all results, CSV")
    arguments = parser.parse_args()
    if set(arguments.weights) & set(shipped_weights()) and any(s.startswith("fold") for s in arguments.set):
        parser.error("shipped weights were trained on tumours of the folds; give the fold's own weights")
    return arguments


if __name__ == "__main__":
    main()
