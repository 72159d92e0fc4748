"""From rows of single targets to the cells of the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ablation_scores import WeightFile
from ablation_statistics import Interval
from ablation_tables import difference_cell, mean_cell, print_tables, read_arms, score_array

FILES = [WeightFile("mix", Path("a"), "aa"), WeightFile("mix", Path("b"), "bb")]


def row(sha256: str, case: str, target: str, dice: float | None) -> dict[str, str]:
    """Return a row of the table of single targets: the given Dice after three clicks, and 0 after others."""
    dices = {f"dice_{n}": "" if dice is None else "0" for n in range(1, 6)}
    dices["dice_3"] = "" if dice is None else str(dice)
    return {"sha256": sha256, "case": case, "target": target, **dices}


def test_a_case_counts_once_however_many_targets_it_has() -> None:
    rows = [
        row("bb", "2", "liver", 0.1),
        row("aa", "1", "liver", 0.2),
        row("aa", "1", "heart", 0.6),
        row("aa", "2", "liver", 0.8),
        row("bb", "1", "heart", 0.9),
        row("bb", "1", "liver", 0.7),
    ]

    scores = score_array(rows, FILES, ["1", "2"], 3)

    np.testing.assert_allclose(scores, [[0.4, 0.8], [0.8, 0.1]])
    assert not score_array(rows, FILES, ["1", "2"], 1).any()


def test_tables_count_targets_that_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        row("aa", "1", "liver", 0.5),
        row("aa", "2", "liver", 0.5),
        row("aa", "1", "prostate", None),
        row("bb", "1", "liver", 0.75),
        row("bb", "2", "liver", 0.75),
        row("bb", "1", "prostate", None),
    ]

    print_tables("Seen", rows, {"mix": FILES[:1], "cpcl": FILES[1:]})

    printed = capsys.readouterr().out
    assert "2 targets in 2 scans, 1 absent or too small" in printed
    assert "| mix | 0.0 (0.0 to 0.0) | 50.0 (50.0 to 50.0) | 0.0 (0.0 to 0.0) |" in printed
    assert "Above mix" in printed
    assert "| cpcl | +0.0 (+0.0 to +0.0) | +25.0 (+25.0 to +25.0) |" in printed


def test_cells_are_in_percent() -> None:
    assert mean_cell(Interval(0.8123, 0.7, 0.9)) == "81.2 (70.0 to 90.0)"
    assert difference_cell(Interval(0.0123, -0.02, 0.04)) == "+1.2 (-2.0 to +4.0)"


def test_a_file_is_no_two_seeds(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        (tmp_path / name).write_bytes(b"same")

    with pytest.raises(SystemExit, match="one file is there twice"):
        read_arms([f"mix={tmp_path / 'a.pth'},{tmp_path / 'b.pth'}"])


@pytest.mark.parametrize("given", [["mix"], ["mix="]])
def test_a_name_needs_a_path(given: list[str]) -> None:
    with pytest.raises(SystemExit, match="NAME=PATH"):
        read_arms(given)


def test_a_name_is_given_once(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"weights")

    with pytest.raises(SystemExit, match="each name once"):
        read_arms([f"mix={tmp_path / 'a.pth'}"] * 2)
