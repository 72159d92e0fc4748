"""The folder of an evaluation: what was done is kept, and nothing else is mixed into it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seganypet.errors import OutputError
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.store import Store
from seganypet.evaluation.unit import UnitResult

CONFIG, OPTIONS = EvaluationConfig(), Options()
KEY = {"method": "threshold41=", "files": {"image": [10, 20]}}


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "run")


def result() -> UnitResult:
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[1:3, 2:5, 6] = True
    rows = [{"target": "liver", "dsc": 0.1 + 0.2, "hd95_mm": math.inf, "nsd": math.nan, "size": ""}]
    return UnitResult(rows=rows, masks={"liver//0": mask, "spleen//0": np.zeros((5, 6, 7), dtype=bool)})


def test_gives_back_what_was_kept(store):
    store.keep("threshold41", "case 1", KEY, result())
    (row,) = store.result("threshold41", "case 1").rows
    assert row["dsc"] == 0.1 + 0.2  # to the last bit
    assert row["hd95_mm"] == math.inf
    assert math.isnan(row["nsd"])
    assert row["size"] == ""
    for key, mask in result().masks.items():
        assert np.array_equal(store.mask("threshold41", "case 1", key), mask)


def test_knows_what_is_done(store):
    assert store.state("threshold41", "a", KEY) == "missing"
    store.keep("threshold41", "a", KEY, result())
    assert store.state("threshold41", "a", KEY) == "done"
    assert store.state("threshold41", "a", {**KEY, "files": {"image": [10, 21]}}) == "stale"
    assert store.state("threshold41", "b", KEY) == "missing"


def test_names_that_differ_only_in_what_files_cannot_show_are_kept_apart(store):
    for case in ("a/b", "a_b", "a:b", "A_b"):
        assert store.state("m", case, KEY) == "missing"
        store.keep("m", case, KEY, result())


def test_refuses_another_method_of_the_same_label(store):
    store.keep("ours", "a", KEY, result())
    with pytest.raises(
        OutputError, match="method 'ours' was 'threshold41=' and is 'suv2=' now; give it another"
    ):
        store.state("ours", "a", {**KEY, "method": "suv2="})


def test_claims_a_new_folder_and_comes_back_to_it(store, tmp_path):
    store.claim(CONFIG, tmp_path / "manifest.csv", OPTIONS)
    store.claim(CONFIG, tmp_path / "manifest.csv", OPTIONS)
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["clicks"] == [1, 3, 5]


def test_refuses_other_settings(store, tmp_path):
    store.claim(CONFIG, tmp_path / "manifest.csv", OPTIONS)
    with pytest.raises(OutputError, match=r"another evaluation: seed was 0, is 1; use its settings, or"):
        store.claim(EvaluationConfig(seed=1), tmp_path / "manifest.csv", OPTIONS)


def test_refuses_another_cohort_device_or_precision(store, tmp_path):
    store.claim(CONFIG, tmp_path / "manifest.csv", OPTIONS)
    with pytest.raises(OutputError, match=r"another evaluation: manifest was .*, is .*other.manifest\.csv"):
        store.claim(CONFIG, tmp_path / "other" / "manifest.csv", OPTIONS)
    with pytest.raises(OutputError, match="precision was 'auto', is 'bfloat16'"):
        store.claim(CONFIG, tmp_path / "manifest.csv", Options(precision="bfloat16"))


def test_refuses_a_folder_of_something_else(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="is there already and no evaluation"):
        Store(tmp_path).claim(CONFIG, tmp_path / "manifest.csv", OPTIONS)


def test_refuses_damaged_results(store, tmp_path):
    store.keep("m", "a", KEY, result())
    (path,) = (tmp_path / "run").rglob("a.json")
    path.write_text("{")
    with pytest.raises(OutputError, match=r"a\.json: cannot be read .*delete it, and run again"):
        store.state("m", "a", KEY)
    path.write_text("[]")
    with pytest.raises(OutputError, match="holds a list; delete it"):
        store.result("m", "a")
    with pytest.raises(OutputError, match=r"a\.npz: cannot be read"):
        store.mask("m", "a", "heart//0")
