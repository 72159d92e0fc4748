"""Tables of Dice after each click, from the rows of `click_accuracy.py`.

    python benchmarks/click_tables.py clicks.csv others.csv

Several files make one table, of the targets that all of their methods answered. In brackets the 95 % intervals after
the first and the last click: a bootstrap over scans, since the targets of a scan are not independent.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from protocol_cases import rows_of_table
from seganypet.evaluation.report.statistics import drawn_weights

CLICKS: Final = 5
SHOWN: Final = (1, 3, 5)
WORSE: Final = 0.02
_PERCENTILES: Final = (2.5, 97.5)
Row = dict[str, str | float]
Array = npt.NDArray[np.float64]


def report(rows: Sequence[Row]) -> None:
    """Print the mean Dice by target and method, with its interval."""
    methods = methods_of(rows)
    print("| target (n) | " + " | ".join(f"{m}: 1 → 3 → 5" for m in methods) + " |")
    print("|---" * (len(methods) + 1) + "|")
    names = sorted({str(row["target"]) for row in rows})
    groups = sorted({str(row["group"]) for row in rows})
    table = [
        (f"{title}{group and '; '}{group}", group, members)
        for title, members in rows_of_table(names).items()
        for group in ("", *groups)
    ]
    table += [(name, "", [name]) for name in names]
    for title, group, members in table:
        chosen = [r for r in rows if r["target"] in members and str(r["group"]).startswith(group)]
        if chosen:
            cells = [_cell([row for row in chosen if row["method"] == method]) for method in methods]
            print(f"| {title} ({len(chosen) // len(methods)}) | " + " | ".join(cells) + " |")


def report_worse(rows: Sequence[Row]) -> None:
    """Print how often a further click made the result much worse."""
    for method in methods_of(rows):
        falls = np.diff(_dices([row for row in rows if row["method"] == method]), axis=1) < -WORSE
        each = ", ".join(f"{share:.1%}" for share in falls.mean(axis=0))
        print(
            f"{method}: Dice fell by more than {WORSE} after {falls.mean():.1%} of the further clicks ({each})"
        )


def methods_of(rows: Sequence[Row]) -> list[str]:
    """Return the methods, in their order."""
    return list(dict.fromkeys(str(row["method"]) for row in rows))


def in_common(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the targets that all methods answered."""
    answered: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        answered.setdefault(_target(row), set()).add(str(row["method"]))
    everyone = len(methods_of(rows))
    return [row for row in rows if len(answered[_target(row)]) == everyone]


def interval(values: Array, scans: Sequence[str]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of the targets' values, scans drawn with all of their targets."""
    names, places = np.unique(np.asarray(scans), return_inverse=True)
    weights = drawn_weights(len(names), np.random.default_rng(0))
    drawn = (weights @ np.bincount(places, values)) / (weights @ np.bincount(places))
    low, high = np.percentile(drawn, _PERCENTILES)
    return float(low), float(high)


def _target(row: Row) -> tuple[str, ...]:
    return str(row["case"]), str(row["target"]), str(row["number"])


def _dices(rows: Sequence[Row]) -> Array:
    """Return the Dice after each click, [targets, clicks]."""
    return np.array([[float(row[f"dice_{n}"]) for n in range(1, CLICKS + 1)] for row in rows])


def _cell(rows: Sequence[Row]) -> str:
    """Return the means and intervals of a method."""
    dices, scans = _dices(rows), [str(row["case"]) for row in rows]
    means = " → ".join(f"{dices[:, n - 1].mean():.3f}" for n in SHOWN)
    ends = (interval(dices[:, n - 1], scans) for n in (SHOWN[0], SHOWN[-1]))
    return f"{means} ({'; '.join(f'{low:.2f}–{high:.2f}' for low, high in ends)})"


def main() -> None:
    """Print the tables of files of rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", help="written by click_accuracy.py -o")
    rows: list[Row] = []
    for path in parser.parse_args().files:
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    rows = in_common(rows)
    report(rows)
    report_worse(rows)


if __name__ == "__main__":
    main()
