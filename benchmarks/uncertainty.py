"""Whether the uncertainty map finds the errors, on the cases of the protocol.

    python benchmarks/uncertainty.py --set anatomy --set bodies --set tumours -o uncertainty.csv

After each number of clicks, in a box 20 mm around target and mask: the area under the risk-coverage curve, beside that
of a map that knows the errors and of one that knows nothing; and how the Dice that the probabilities let expect, and
the one that the weights estimate (`Session.expected_dice`), correlate with the true one.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr

from protocol_cases import SETS, Case, Maker, cases
from seganypet.evaluation import dice
from seganypet.evaluation.uncertainty import risk_coverage_area
from seganypet.inference import Session
from seganypet.inference.certainty import expected_dice
from seganypet.models.weights import load_model
from seganypet.preprocessing.cropping import bounding_box
from seganypet.prompts import next_click
from seganypet.volume import BoolArray

CLICKS = (1, 3, 5)
_AROUND_MM = 20.0
Row = dict[str, str | float]


def rows_of(maker: Maker, weights: str, precision: str) -> list[Row]:
    """Return what the map says of every target of a case."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    case, session = maker(), Session(load_model(weights, precision=precision))
    session.set_volume(case.volume)
    return [row for name, mask in case.targets for row in _rows(case, session, name, mask)]


def _rows(case: Case, session: Session, name: str, reference: BoolArray) -> list[Row]:
    session.reset()
    rows, prediction = [], np.zeros_like(reference)
    for number in range(1, max(CLICKS) + 1):
        click = next_click(prediction, reference, spacing_mm=case.volume.spacing_mm, policy="deepest")
        if click is None:
            break  # nothing is wrong any more
        prediction = session.add_click(click.ijk, positive=click.positive).array
        if number in CLICKS:
            rows.append({"case": case.name, "target": name, "clicks": number} | _row(session, reference))
    return rows


def _row(session: Session, reference: BoolArray) -> Row:
    """Return what the map says now."""
    mask, probability = session.mask.array, session.probability
    box = bounding_box(mask | reference)
    assert box is not None, "an empty target"
    reach = np.ceil(_AROUND_MM / np.asarray(session.volume.spacing_mm)).astype(int)
    around = tuple(slice(max(part.start - n, 0), part.stop + n) for part, n in zip(box, reach, strict=True))
    wrong = (mask ^ reference)[around]
    area, best, useless = risk_coverage_area(session.uncertainty[around], wrong)
    return {
        "dice": round(dice(mask, reference), 4),
        "expected": round(expected_dice(probability[around], mask[around]), 4),
        "estimated": round(session.expected_dice or 0.0, 4),
        "area": round(area, 6),
        "best": round(best, 6),
        "useless": round(useless, 6),
    }


def report(rows: Sequence[Row]) -> None:
    """Print a Markdown table, a row for each number of clicks."""
    columns = ["area", "of a perfect map", "of a useless map", "Dice"]
    columns += [f"{name}: mean, Pearson, Spearman" for name in ("expected", "estimated")]
    print("| clicks (n) | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for number in CLICKS:
        chosen = [row for row in rows if row["clicks"] == number]
        areas = [np.mean([float(row[name]) for row in chosen]) for name in ("area", "best", "useless")]
        true, *predicted = (
            np.array([float(row[name]) for row in chosen]) for name in ("dice", "expected", "estimated")
        )
        cells = [f"{a:.4f}" for a in areas] + [f"{true.mean():.3f}"]
        for values in predicted:
            correlations = (float(measure(true, values)[0]) for measure in (pearsonr, spearmanr))
            cells.append(", ".join([f"{values.mean():.3f}", *(f"{c:.2f}" for c in correlations)]))
        print(f"| {number} ({len(chosen)}) | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure, print the table, write one row per target and number of clicks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", required=True, choices=SETS)
    parser.add_argument("--cases", type=int, default=8, help="simulated scans of each set")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the shared data")
    parser.add_argument("--weights", default="default", help="weights to test")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("-o", "--output", type=Path, help="table of all results, CSV")
    arguments = parser.parse_args()
    makers = [maker for name in arguments.set for maker in cases(name, arguments.data, arguments.cases)]
    work = partial(rows_of, weights=arguments.weights, precision=arguments.precision)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        rows = [row for found in pool.map(work, makers) for row in found]
    report(rows)
    if arguments.output:
        with arguments.output.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
