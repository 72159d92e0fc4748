"""Whole evaluations of small cohorts: the same twice, stopped and resumed, with methods added, with what is wrong."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import small_cohorts
from seganypet.errors import ManifestError, MethodError, OutputError, SegAnyPETWarning, UsageError
from seganypet.evaluation import run as module
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.methods.registry import chosen_methods
from seganypet.evaluation.readers import Habits
from seganypet.evaluation.results import read_results, write_results
from seganypet.evaluation.run import EvaluationRun, evaluate
from tiny_weights import write_tiny_weights

CONFIG = EvaluationConfig(clicks=(1, 2), habits=Habits(first="uniform"), draws=2)
METHODS = ("threshold41", "suv2.5", "random_walker")


@pytest.fixture
def manifest(tmp_path) -> Path:
    rows = [
        small_cohorts.row(tmp_path / "data", f"c{n}", seed=n, split="test", tracer="fdg") for n in range(3)
    ]
    rows.append(small_cohorts.row(tmp_path / "data", "learned", seed=9, split="train"))
    return small_cohorts.write(tmp_path / "data", *rows)


def run_of(manifest: Path, folder: Path, methods: tuple[str, ...] = METHODS, **settings) -> EvaluationRun:
    return EvaluationRun(
        folder=folder,
        manifest=manifest,
        methods=tuple(chosen_methods(methods)),
        config=settings.pop("config", CONFIG),
        **settings,
    )


def tables(run: EvaluationRun) -> dict[str, bytes]:
    """Evaluate; return the bytes of the tables that must not vary."""
    rows = evaluate(run)
    paths = write_results(run.folder, read_results(run.folder, rows, run.methods))
    return {path.name: path.read_bytes() for path in paths if path.name != "costs.csv"}


def test_twice_gives_the_same_bytes_and_side_by_side_too(manifest, tmp_path):
    methods = ("watershed", str(write_tiny_weights(tmp_path)))
    one = tables(run_of(manifest, tmp_path / "one", methods))
    assert tables(run_of(manifest, tmp_path / "two", methods)) == one
    assert tables(run_of(manifest, tmp_path / "three", methods, jobs=2)) == one


def test_rows_are_in_the_order_of_cases_targets_and_methods(manifest, tmp_path):
    tables(run_of(manifest, tmp_path / "run"))
    frame = pd.read_csv(tmp_path / "run" / "per_case.csv")
    assert list(frame["case"].unique()) == ["c0", "c1", "c2"]  # of split test
    first = frame[frame["case"] == "c0"]
    assert list(first["target"].unique()) == ["liver", "kidneys", "kidney_left", "lesion", "lesions"]
    liver = first[first["target"] == "liver"][["method", "draw", "click"]].values.tolist()
    assert liver == [[m, d, c] for m in METHODS for d in (0, 1) for c in (1, 2)]
    assert set(frame["tracer"]) == {"fdg"}


def test_goes_on_where_it_was_stopped(manifest, tmp_path, monkeypatch):
    methods = ("threshold41", "suv2.5", str(write_tiny_weights(tmp_path)))
    whole = tables(run_of(manifest, tmp_path / "whole", methods))
    run, work, calls = run_of(manifest, tmp_path / "stopped", methods), module._do_unit, []

    def stops(unit):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(unit)
        return work(unit)

    monkeypatch.setattr(module, "_do_unit", stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(run)
    done = []
    monkeypatch.setattr(module, "_do_unit", lambda unit: done.append(unit) or work(unit))
    assert tables(run) == whole
    assert len(done) == 9 - 4


def test_methods_can_be_added(manifest, tmp_path):
    both = tables(run_of(manifest, tmp_path / "both", ("threshold41", "suv4.0")))
    tables(run_of(manifest, tmp_path / "added", ("threshold41",)))
    told = []
    run = run_of(manifest, tmp_path / "added", ("threshold41", "suv4.0"))
    evaluate(run, lambda done, of: told.append((done, of)))
    assert told == [(3, 6), (4, 6), (5, 6), (6, 6)]
    assert tables(run) == both


def test_files_that_have_changed_are_evaluated_again(manifest, tmp_path):
    run = run_of(manifest, tmp_path / "run", ("suv2.5",))
    before = tables(run)["per_case.csv"]
    small_cohorts.save(small_cohorts.suv_of(77), tmp_path / "data" / "c1" / "pet.nii.gz")
    with pytest.warns(SegAnyPETWarning, match="files of c1 have changed since they were evaluated"):
        after = tables(run)["per_case.csv"]
    changed = [
        a.split(b",")[0] for a, b in zip(before.split(b"\n"), after.split(b"\n"), strict=True) if a != b
    ]
    assert set(changed) == {b"c1"}


def test_other_ids_and_other_masks_are_noticed(manifest, tmp_path):
    masks = tmp_path / "masks"
    small_cohorts.save(small_cohorts.organs(), masks / "c0.nii.gz")
    (masks / "labels.json").write_text(json.dumps({"liver": [1]}))
    run = run_of(manifest, tmp_path / "run", (f"predictions={masks}",))
    evaluate(run)
    (manifest.parent / "labels.json").write_text(json.dumps({"liver": [2]}))
    with pytest.warns(SegAnyPETWarning, match="have changed"):
        rows = evaluate(run)
    (score,) = read_results(run.folder, rows, run.methods).per_case["dsc"]
    assert score == 0.0
    small_cohorts.save(small_cohorts.organs()[::-1], masks / "c1.nii.gz")
    with pytest.raises(OutputError, match="give it another label, or choose another folder"):
        evaluate(run)


def test_what_is_refused_leaves_no_folder(manifest, tmp_path):
    with pytest.raises(MethodError):
        evaluate(run_of(manifest, tmp_path / "run", (f"predictions={tmp_path / 'nowhere'}",)))
    assert not (tmp_path / "run").exists()


def test_a_method_that_cannot_do_a_case_is_skipped_there(manifest, tmp_path):
    masks = tmp_path / "masks"
    small_cohorts.save(small_cohorts.organs(), masks / "c0.nii.gz")
    (masks / "labels.json").write_text(json.dumps({"liver": [1]}))
    run = run_of(manifest, tmp_path / "run", (f"predictions={masks}",))
    rows = evaluate(run)
    results = read_results(run.folder, rows, run.methods)
    assert results.per_case[["case", "target", "click", "dsc"]].values.tolist() == [["c0", "liver", 0, 1.0]]
    reasons = results.skipped.set_index(["case", "target"])["reason"]
    assert (
        "no such file" in reasons["c1", "liver"].iloc[0] if hasattr(reasons["c1", "liver"], "iloc") else True
    )
    assert "is not among" in reasons["c0", "kidneys"]


def test_cases_that_cannot_be_read_are_told_when_all_others_are_done(manifest, tmp_path):
    (tmp_path / "data" / "c1" / "pet.nii.gz").write_bytes(b"no image")
    run = run_of(manifest, tmp_path / "run", ("suv2.5", "suv4.0"))
    with pytest.raises(ManifestError, match=r"^case 'c1': .*pet\.nii\.gz[^;]*(;[^;]*)?$"):
        evaluate(run)
    kept = sorted(path.name for path in (tmp_path / "run" / "units").rglob("*.json"))
    assert kept == ["c0.json", "c0.json", "c2.json", "c2.json"]


def test_a_method_that_cannot_be_built_is_refused_before_any_work(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_do_unit", lambda unit: pytest.fail("worked"))
    with pytest.raises(MethodError, match="no such folder"):
        evaluate(run_of(manifest, tmp_path / "run", ("suv2.5", f"predictions={tmp_path / 'nowhere'}")))


def test_says_what_to_install(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'needs pandas, .*; pip install "seganypet\[evaluate\]"'):
        evaluate(run_of(manifest, tmp_path / "run"))


def test_splits(manifest, tmp_path):
    def cases(split: str) -> list[str]:
        return [row.case for row in module.rows_of(run_of(manifest, tmp_path / "run", split=split))[0]]

    assert cases("") == cases("test") == ["c0", "c1", "c2"]
    assert cases("train") == ["learned"]
    assert len(cases("all")) == 4
    with pytest.raises(ManifestError, match=r"no row of split 'val'; it has test, train"):
        cases("val")
    unsplit = small_cohorts.write(tmp_path / "plain", small_cohorts.row(tmp_path / "plain", "x"))
    assert [row.case for row in module.rows_of(run_of(unsplit, tmp_path / "run"))[0]] == ["x"]


def test_refuses_other_settings_and_unknown_targets(manifest, tmp_path):
    run = run_of(manifest, tmp_path / "run", ("suv2.5",))
    evaluate(run)
    with pytest.raises(OutputError, match="another evaluation: seed was 0, is 3"):
        evaluate(replace(run, config=replace(CONFIG, seed=3)))
    with pytest.raises(ManifestError, match=r"labels\.json: has no target 'spleen'"):
        evaluate(replace(run, config=replace(CONFIG, targets=("spleen",))))


def test_threads_are_noted_with_the_costs(manifest, tmp_path):
    run = run_of(manifest, tmp_path / "run", ("suv2.5",))
    results = read_results(run.folder, evaluate(run), run.methods)
    assert set(results.costs["threads"]) == {1}


def test_autopet_s_scores_of_each_case(manifest, tmp_path):
    run = run_of(manifest, tmp_path / "run", ("suv4.0",), config=EvaluationConfig(scheme="autopet"))
    results = read_results(run.folder, evaluate(run), run.methods, autopet=True)
    assert list(results.autopet["case"]) == ["c0", "c1", "c2"]
    curve = results.per_case[results.per_case["case"] == "c0"]["dsc"]
    assert results.autopet["dice_auc"][0] == pytest.approx(np.trapezoid(curve))
