r"""Test networks trained in several ways (P1 Table 4) on phantoms, and print the tables.

    python benchmarks/ablation_tables.py COHORTS RESULTS --weights mix=a1.safetensors,a2.safetensors \
        --weights cpcl=b1.safetensors,b2.safetensors --jobs 2

COHORTS is a folder of ablation_cohorts.py; a name has a path for each training seed. The reader clicks the deepest
voxel of the target, then of the largest error, as in click_accuracy.py. Dice after each of five clicks goes to
RESULTS/per_target.csv, a row a target. What is there, by the hash of the weight file, is not measured again: give other
code or other cohorts another folder. Targets that a scan does not hold, or less than 5 ml of, are left out; the tables
say how many.

A scan's score is the mean over its targets of a group; a cell is the mean over training seeds and scans, in %, with a
95 % interval over both (ablation_statistics.py). The scans of the unseen dataset show two bodies in many sizes and
postures: their interval does not tell of other bodies.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ablation_scores import Row, WeightFile, all_work, measure, weight_file
from ablation_statistics import Interval, difference_interval, mean_interval

REPORTED_CLICKS = (1, 3, 5)
COHORTS = ("test_internal", "test_external")
DATASETS = {"test_internal": "", "test_external": "unseen dataset, "}

Arms = dict[str, list[WeightFile]]
FloatArray = npt.NDArray[np.float64]


def main() -> None:
    """Measure what is missing and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cohorts", type=Path, metavar="COHORTS")
    parser.add_argument("results", type=Path, metavar="RESULTS")
    parser.add_argument("--weights", action="append", required=True, metavar="NAME=PATH[,PATH...]")
    parser.add_argument("--cohort", action="append", help="cohorts to test on (default: both test cohorts)")
    parser.add_argument("--cases", type=int, help="only the first so many scans of each cohort")
    parser.add_argument("--by-target", action="store_true", help="tables of single targets, too")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side (default: %(default)d)")
    arguments = parser.parse_args()
    arms = read_arms(arguments.weights)
    cohorts = arguments.cohort or COHORTS
    work = all_work(
        [arguments.cohorts / name for name in cohorts],
        [file for files in arms.values() for file in files],
        arguments.cases,
    )
    started = time.perf_counter()
    rows = measure(work, arguments.results, arguments.jobs)
    print(f"{len(work)} pairs of network and scan, {time.perf_counter() - started:.0f} s")
    for cohort in cohorts:
        for group in ("seen", "unseen"):
            chosen = [row for row in rows if (row["cohort"], row["group"]) == (cohort, group)]
            title = f"{DATASETS.get(cohort, f'{cohort}, ')}{group} organs"
            print_tables(title.capitalize(), chosen, arms)
            for target in dict.fromkeys(row["target"] for row in chosen) if arguments.by_target else ():
                print_tables(f"{title}: {target}", [row for row in chosen if row["target"] == target], arms)


def read_arms(given: Sequence[str]) -> Arms:
    """Return the weight files of every name.

    Raises:
        SystemExit: A name without a path, or given twice, or a file that is there twice under it.
    """
    arms: Arms = {}
    for text in given:
        name, _, paths = text.partition("=")
        files = [weight_file(name, path) for path in paths.split(",") if path]
        if not files or name in arms:
            raise SystemExit(f"--weights {text}: give each name once, as NAME=PATH[,PATH...]")
        if len({file.sha256 for file in files}) < len(files):
            raise SystemExit(f"--weights {text}: one file is there twice; give a file for each training seed")
        arms[name] = files
    return arms


def print_tables(title: str, rows: Sequence[Row], arms: Arms) -> None:
    """Print the means of all arms, and how far each is above the first."""
    scored = [row for row in rows if row["dice_1"]]
    if not scored:
        return
    tested = {(row["case"], row["target"]) for row in scored}
    absent = {(row["case"], row["target"]) for row in rows} - tested
    cases = sorted({case for case, _ in tested})
    print(
        f"\n### {title}\n\n{len(tested)} targets in {len(cases)} scans, {len(absent)} absent or too small\n"
    )
    scores = {
        (arm, clicks): score_array(scored, files, cases, clicks)
        for arm, files in arms.items()
        for clicks in REPORTED_CLICKS
    }
    _print(arms, lambda arm, clicks: mean_cell(mean_interval(scores[arm, clicks])))
    first, *others = arms
    if others:
        print(f"\nAbove {first}:\n")
        _print(
            others,
            lambda arm, clicks: difference_cell(
                difference_interval(scores[arm, clicks], scores[first, clicks])
            ),
        )


def score_array(
    rows: Iterable[Row], files: Sequence[WeightFile], cases: Sequence[str], clicks: int
) -> FloatArray:
    """Return the mean Dice over the targets of every scan, [files, cases]."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        found.setdefault((row["sha256"], row["case"]), []).append(float(row[f"dice_{clicks}"]))
    return np.array([[np.mean(found[file.sha256, case]) for case in cases] for file in files])


def mean_cell(interval: Interval) -> str:
    """Return a mean with its interval, in %."""
    mean, low, high = (100 * value for value in interval)
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"


def difference_cell(interval: Interval) -> str:
    """Return a difference with its interval, in percentage points."""
    mean, low, high = (100 * value for value in interval)
    return f"{mean:+.1f} ({low:+.1f} to {high:+.1f})"


def _print(arms: Iterable[str], cell: Callable[[str, int], str]) -> None:
    print("| training | " + " | ".join(f"{n} click{'s' * (n > 1)}" for n in REPORTED_CLICKS) + " |")
    print("|---" * (1 + len(REPORTED_CLICKS)) + "|")
    for arm in arms:
        print(f"| {arm} | " + " | ".join(cell(arm, clicks) for clicks in REPORTED_CLICKS) + " |")


if __name__ == "__main__":
    main()
