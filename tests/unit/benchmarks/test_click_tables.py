"""Tables of Dice after each click: paired targets, intervals over scans, falls."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from click_tables import Row, in_common, interval, main

SCORES = {"ours": (0.5, 0.6, 0.7, 0.8, 0.9), "other": (0.4, 0.4, 0.4, 0.37, 0.4)}


def row(method: str, case: str, number: int = 0, gain: float = 0.0) -> Row:
    dices: Row = {f"dice_{n}": score + gain for n, score in enumerate(SCORES[method], start=1)}
    return {
        "case": case,
        "group": "bodies, fdg",
        "target": "liver",
        "number": number,
        "method": method,
    } | dices


def written(rows: list[Row], path: Path) -> str:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def test_only_targets_that_all_methods_answered_are_compared():
    both = [row("ours", "a"), row("other", "a")]
    assert in_common([*both, row("ours", "b"), row("other", "a", number=1)]) == both


def test_an_interval_is_over_scans_and_not_over_their_targets():
    values = np.array([0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8])
    assert interval(values, list("aaaabbbb")) == pytest.approx((0.2, 0.8))  # one of two scans is drawn
    low, high = interval(values, list("abcdefgh"))
    assert 0.2 < low < 0.5 < high < 0.8


def test_scans_count_by_their_targets():
    low, high = interval(np.array([0.0, 1.0, 1.0, 1.0]), list("abbb"))
    assert (low, high) == (0.0, 1.0)
    same = interval(np.array([0.5, 0.5, 0.5]), list("abb"))
    assert same == pytest.approx((0.5, 0.5))


def test_several_files_make_one_table(tmp_path, monkeypatch, capsys):
    ours = written([row("ours", "a"), row("ours", "b", gain=0.1)], tmp_path / "ours.csv")
    other = written([row("other", "a"), row("other", "b"), row("other", "c")], tmp_path / "other.csv")
    monkeypatch.setattr(sys, "argv", ["click_tables.py", ours, other])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == (
        "| papers' organs (2) | 0.550 → 0.750 → 0.950 (0.50–0.60; 0.90–1.00) "
        "| 0.400 → 0.400 → 0.400 (0.40–0.40; 0.40–0.40) |"
    )
    assert lines[-2].startswith("ours: Dice fell by more than 0.02 after 0.0%")
    assert lines[-1].endswith("after 25.0% of the further clicks (0.0%, 0.0%, 100.0%, 0.0%)")
