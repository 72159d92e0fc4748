"""`seganypet evaluate`: what it writes, prints and refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import small_cohorts
from seganypet.cli import build_parser, evaluate, main
from seganypet.prompts import CLICK_POLICIES


@pytest.fixture
def manifest(tmp_path):
    rows = [small_cohorts.row(tmp_path / "data", f"c{n}", seed=n) for n in range(2)]
    return small_cohorts.write(tmp_path / "data", *rows)


def called(manifest, folder, *more: str) -> int:
    methods = () if "--methods" in more else ("--methods", "threshold41,suv2.5")
    return main(["evaluate", "--manifest", str(manifest), *methods, "-o", str(folder), *more])


def test_policies_are_those_of_the_simulation():
    assert evaluate.POLICIES == CLICK_POLICIES


def test_writes_tables_and_a_record_of_the_run(manifest, tmp_path, capsys):
    assert called(manifest, tmp_path / "run", "--clicks", "1,2") == 0
    frame = pd.read_csv(tmp_path / "run" / "per_case.csv")
    assert list(frame.columns[:6]) == ["case", "target", "method", "click", "dsc", "nsd"]
    assert set(frame["click"]) == {1, 2}
    record = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert record["methods"] == {"threshold41": "threshold41=", "suv2.5": "suv2.5="}
    assert record["config"]["clicks"] == [1, 2]
    out = capsys.readouterr().out
    assert "1 click  2 clicks" in out
    assert f"wrote {tmp_path / 'run' / 'per_case.csv'}" in out


def test_writes_the_report_with_the_methods_names(manifest, tmp_path):
    assert called(manifest, tmp_path / "run", "--clicks", "1", "--seen", "liver") == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert report.startswith("# Evaluation on data\n")
    assert "41 % of SUVmax" in report
    assert (tmp_path / "run" / "figures" / "worst_cases.png").stat().st_size > 10_000
    assert "<img" in (tmp_path / "run" / "report.html").read_text()


def test_the_size_of_the_work_and_what_was_skipped_are_printed(manifest, tmp_path, capsys):
    options = ("--methods", "suv2.5", "percist", "--targets", "lesion", "liver", "--clicks", "1")
    assert called(manifest, tmp_path / "run", *options) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 methods on 2 cases, up to 1 organ and lesions in each; ")
    assert "percist: 2 skipped (fewer than 4 voxels); see" in out
    assert called(manifest, tmp_path / "bad", "--methods", "no:command=false", "--clicks", "1") == 0
    out = capsys.readouterr().out
    assert re.search(r"\nno: \d+ skipped \(.*\); see ", out)
    assert f"see {tmp_path / 'bad' / 'skipped.csv'}" in out


def test_names_stand_with_commas_or_blanks():
    parse = build_parser().parse_args
    given = ["evaluate", "--manifest", "m.csv", "-o", "r", "--methods", "suv2.5,default", "--targets"]
    assert parse([*given, "liver", "spleen,lesion"]).targets == ("liver", "spleen", "lesion")
    assert parse([*given, "liver,", "spleen"]).targets == ("liver", "spleen")


def test_mixed_numbers_of_threads_are_told(manifest, tmp_path):
    assert called(manifest, tmp_path / "run", "--methods", "suv2.5", "--clicks", "1", "--threads", "1") == 0
    assert (
        called(manifest, tmp_path / "run", "--methods", "suv2.5,suv4.0", "--clicks", "1", "--threads", "2")
        == 0
    )
    assert "1 and 2; times of different numbers" in (tmp_path / "run" / "report.md").read_text()


def test_autopet_s_scheme_writes_its_scores(manifest, tmp_path):
    assert called(manifest, tmp_path / "run", "--scheme", "autopet") == 0
    scores = pd.read_csv(tmp_path / "run" / "autopet.csv")
    assert list(scores["case"]) == ["c0", "c0", "c1", "c1"]
    assert {"dice_auc", "fpv_auc", "fnv_auc", "dmm_auc", "dice_final"} <= set(scores.columns)


def test_autopet_s_scheme_bears_a_case_without_lesions(tmp_path):
    rows = [small_cohorts.row(tmp_path / "data", "a"), small_cohorts.row(tmp_path / "data", "b", seed=1)]
    empty = np.zeros(small_cohorts.SHAPE, np.int16)
    small_cohorts.save(empty, rows[1].lesions)
    manifest = small_cohorts.write(tmp_path / "data", *rows)
    assert called(manifest, tmp_path / "run", "--scheme", "autopet") == 0
    assert (tmp_path / "run" / "report.md").exists()


def test_targets_of_the_manifest_are_checked(tmp_path, capsys):
    row = small_cohorts.row(tmp_path / "data", "a", targets=("livr", "lesions"))
    assert called(small_cohorts.write(tmp_path / "data", row), tmp_path / "run") == 2
    assert "targets of case 'a': " in (error := capsys.readouterr().err)
    assert "has no target 'livr'; do you mean liver?" in error


def test_methods_are_listed_without_a_cohort(capsys):
    assert main(["evaluate", "--list-methods"]) == 0
    out = capsys.readouterr().out
    for words in (
        "default\n",
        "threshold41\n",
        "predictions=FOLDER\n",
        "licence: Apache-2.0",
        "tested: whole",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--methods", "sniffing"), "'sniffing' is unknown, and no file of weights; choose of"),
        (("--methods", "suv2.5,,default"), "expected a name, or several with commas between"),
        (("--clicks", "1,x"), "expected whole numbers with commas between"),
        (("--clicks", "3,1"), "the smallest first"),
        (("--targets", "nose"), "has no target 'nose'; choose of lesion"),
        (("--draws", "2"), "all would be the same"),
        (("--split", "val"), "no row of split 'val'"),
        (("--tolerance", "-1"), "tolerance_mm is -1.0"),
    ],
)
def test_refusals_are_one_line(manifest, tmp_path, capsys, options, message):
    assert called(manifest, tmp_path / "run", *options) == 2
    (line,) = [ln for ln in capsys.readouterr().err.splitlines() if ln.startswith("seganypet: error:")]
    assert message in line
    assert not (tmp_path / "run" / "per_case.csv").exists()


def test_a_missing_manifest_is_named(tmp_path, capsys):
    assert called(tmp_path / "none.csv", tmp_path / "run") == 2
    assert f"{tmp_path / 'none.csv'}: no such file" in capsys.readouterr().err
