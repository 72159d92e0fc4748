"""Dice per click of many weight files on the cases of some cohorts, kept in one table as it grows."""

from __future__ import annotations

import csv
import io
import multiprocessing
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

from ablation_targets import SEEN
from clicked_dice import dice_per_click
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.session import SessionMethod
from seganypet.io import ManifestRow, read_labels, read_manifest, read_volume
from seganypet.io.nifti import load_nifti
from seganypet.io.run_record import sha256_of_file, sha256_of_files
from seganypet.io.write import atomic_path
from seganypet.models.weights import load_model, weights_path
from seganypet.volume import BoolArray, Volume

CLICKS: Final = 5
LEAST_ML: Final = 5.0
TABLE_NAME: Final = "per_target.csv"
MANIFEST_NAME: Final = "manifest.csv"
_COLUMNS: Final = (
    *("weights", "file", "sha256", "cohort", "case", "target", "group", "volume_ml"),
    *(f"dice_{n}" for n in range(1, CLICKS + 1)),
    "seconds",
)

Row = dict[str, str]


class WeightFile(NamedTuple):
    """A trained network: the strategy that it stands for, its file, and the hash of file and description."""

    arm: str
    path: Path
    sha256: str


class Work(NamedTuple):
    """A network to be tested on a case of a cohort."""

    weights: WeightFile
    cohort: Path
    case: ManifestRow

    @property
    def key(self) -> tuple[str, str, str]:
        """What its results are kept under."""
        return self.weights.sha256, self.cohort.name, self.case.case


def weight_file(arm: str, weights: str) -> WeightFile:
    """Return weights given by path or by name."""
    path = weights_path(weights)
    description = path.with_suffix(".json")
    sha256 = sha256_of_files([path, description]) if description.exists() else sha256_of_file(path)
    return WeightFile(arm, path, sha256)


def all_work(cohorts: Sequence[Path], files: Sequence[WeightFile], cases: int | None = None) -> list[Work]:
    """Return every network on every case, case by case; with `cases`, on the first so many of each cohort.

    Raises:
        SystemExit: A cohort has labels that are not exact.
    """
    work = []
    for cohort in cohorts:
        for case in read_manifest(cohort / MANIFEST_NAME)[:cases]:
            if case.quality != "hq":
                raise SystemExit(f"{cohort}: the labels of {case.case} are not exact; test on exact ones")
            work += [Work(weights, cohort, case) for weights in files]
    return work


def measure(work: Sequence[Work], results: Path, jobs: int) -> list[Row]:
    """Return the rows of all the work; what the table does not hold yet is measured and added, case by case."""
    table = results / TABLE_NAME
    rows = _read(table)
    done = {_key(row) for row in rows}
    missing = list({item.key: item for item in work if item.key not in done}.values())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = [pool.submit(rows_of, item) for item in missing]
        for number, future in enumerate(as_completed(futures), start=1):
            rows += future.result()
            _write(rows, table)
            print(f"{number} of {len(missing)} scans", end="\r", file=sys.stderr, flush=True)
    wanted = {item.key for item in work}
    return [row for row in rows if _key(row) in wanted]


def rows_of(work: Work) -> list[Row]:
    """Return a row for every target of a case; without Dice where it is absent or too small."""
    torch.set_num_threads(1)  # scans run side by side
    warnings.simplefilter("ignore")
    volume, targets = _case(work.case, work.cohort)
    method = _method(work.weights.path)
    method.start(Scan(case=work.case.case, volume=volume))
    sha256, cohort, case = work.key
    common = {"weights": work.weights.arm, "file": str(work.weights.path), "sha256": sha256}
    common |= {"cohort": cohort, "case": case}
    return [_scored(method, volume, name, mask) | common for name, mask in targets.items()]


def _scored(method: SessionMethod, volume: Volume, name: str, mask: BoolArray) -> Row:
    volume_ml = int(mask.sum()) * volume.voxel_volume_ml
    row = dict.fromkeys(_COLUMNS, "") | {"target": name, "volume_ml": f"{volume_ml:.1f}"}
    row["group"] = "seen" if name in SEEN else "unseen"
    if volume_ml < LEAST_ML:
        return row
    started = time.perf_counter()
    dices = dice_per_click(method, mask, volume.spacing_mm, clicks=CLICKS)
    row |= {f"dice_{n}": f"{dice:.5f}" for n, dice in enumerate(dices, start=1)}
    return row | {"seconds": f"{time.perf_counter() - started:.2f}"}


@lru_cache(maxsize=1)
def _case(case: ManifestRow, cohort: Path) -> tuple[Volume, dict[str, BoolArray]]:
    assert case.reference is not None, f"{case.case}: the manifest names no reference"
    labels = read_labels(cohort / MANIFEST_NAME)
    parts = load_nifti(case.reference).array
    return read_volume(case.image), {name: np.isin(parts, labels[name]) for name in case.targets}


@lru_cache(maxsize=32)
def _method(path: Path) -> SessionMethod:
    return SessionMethod(load_model(path))


def _key(row: Row) -> tuple[str, str, str]:
    return row["sha256"], row["cohort"], row["case"]


def _read(table: Path) -> list[Row]:
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(rows: Sequence[Row], table: Path) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_path(table) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8", newline="")
