"""The checkpoint: whole or not there, finite, and continued with its own recipe only."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
import torch

from seganypet.errors import OutputError, TrainingError, UsageError
from seganypet.training import checkpoint
from seganypet.training.checkpoint import (
    as_json,
    read_checkpoint,
    remove_leftovers,
    require_same_recipe,
    write_checkpoint,
)
from seganypet.training.run import BEST_NAME, WEIGHTS_NAME

CONTENT = {"network": {"weight": torch.arange(6.0)}, "step": 3, "recipe": {"a": [1, None, "x"]}, "best": None}


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "checkpoint.pt"
    write_checkpoint(path, CONTENT)
    return path


def test_what_was_written_is_read(path):
    found = read_checkpoint(path)
    assert torch.equal(found["network"].pop("weight"), torch.arange(6.0))
    assert found == {"network": {}, "step": 3, "recipe": {"a": [1, None, "x"]}, "best": None}
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_reading_runs_no_code(path):
    class Dangerous:
        def __reduce__(self):
            return (path.with_name("proof").touch, ())

    torch.save({"format": Dangerous()}, path)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read"):
        read_checkpoint(path)
    assert not path.with_name("proof").exists()


@pytest.mark.parametrize("kept", [0, 1, 100, 1000, -1, -100])
def test_refuses_a_truncated_file(path, kept):
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt cannot be read .*; put back a copy of it, or remove"
    ):
        read_checkpoint(path)


def test_refuses_a_damaged_file(path):
    content = bytearray(path.read_bytes())
    at = content.index(torch.arange(6.0).numpy().tobytes())
    content[at + 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"cannot be read \(wrong checksum of"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [{"model": torch.zeros(1)}, [1, 2], {"format": "another"}])
def test_refuses_files_of_others(path, content):
    torch.save(content, path)
    with pytest.raises(
        TrainingError, match="is no checkpoint of this program's training; choose another folder"
    ):
        read_checkpoint(path)


def test_refuses_what_is_no_file(tmp_path):
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read .*No such file"):
        read_checkpoint(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_nothing_that_is_not_finite_is_saved(path, value):
    before = path.read_bytes()
    spoilt = {"optimiser": {"state": [{"exp_avg": torch.tensor([0.0, value])}]}}
    with pytest.raises(
        TrainingError, match=r"optimiser\.state\.0\.exp_avg holds NaN or infinity and is not saved"
    ):
        write_checkpoint(path, spoilt)
    assert path.read_bytes() == before


def test_full_disk_leaves_the_last_checkpoint(path):
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutputError, match=r"checkpoint\.pt: cannot be written .*; .*free space"):
            write_checkpoint(path, {"network": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["checkpoint.pt"]


def test_bytes_are_on_the_disk_before_the_name_is(path, monkeypatch):
    calls = []
    monkeypatch.setattr("os.fsync", lambda descriptor: calls.append("sync"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, to: calls.append("rename") or replace(self, to))
    write_checkpoint(path, CONTENT)
    assert calls == ["sync", "rename", "sync"]  # file, name, folder


def test_leftovers_of_killed_runs_are_removed_and_nothing_else(path):
    leftover = path.with_name(f".{'0f' * 16}.pt")
    others = [path.with_name(name) for name in (".hidden.pt", f"{'0f' * 16}.pt", f".{'0f' * 16}.nii.gz")]
    for file in (leftover, *others):
        file.touch()
    remove_leftovers(path.parent)
    assert not leftover.exists()
    assert all(file.exists() for file in (path, *others))


STORED = {"name": "p1", "loop": {"steps": 10, "precision": "bfloat16"}, "milestones": [0.6, 0.9]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "p2"}, "the run has name 'p1', not 'p2'"),
        ({"loop": {"steps": 20, "precision": "float16"}}, r"the run has loop\.steps 10, not 20"),
        ({"loop": {"steps": 10, "precision": "float16"}}, r"loop\.precision 'bfloat16', not 'float16'"),
        ({"milestones": [0.6]}, r"milestones \[0\.6, 0\.9\], not \[0\.6\]"),
        ({"loop": None}, r"loop \{'steps': 10, 'precision': 'bfloat16'\}, not None"),
        ({"new": 1}, "the run has new absent, not 1"),
        ({"loop": {"steps": 10}}, r"loop\.precision 'bfloat16', not absent"),
    ],
)
def test_refuses_another_recipe_and_names_the_first_difference(tmp_path, change, message):
    with pytest.raises(TrainingError, match=f"{tmp_path.name}: .*{message}; resume with the same recipe"):
        require_same_recipe(STORED | change, STORED, tmp_path)


def model_from(*origins: str) -> dict:
    """The model of a recipe that goes on from weights."""
    history = [{"name": name, "sha256": 64 * "a"} for name in origins]
    name = origins[-1] if origins else "compact"
    return {"model": {"name": name, "training": {"history": history} if origins else {}}}


@pytest.mark.parametrize(
    ("stored", "given", "message"),
    [
        (["default"], [], "the run began from weights 'default'; give --weights default, or"),
        (["old", "mine"], ["default"], "from weights 'mine'; give --weights as in its command, which is in "),
        ([], ["default"], "the run began from random weights; leave out --weights, or choose another folder"),
    ],
)
def test_refuses_other_weights_in_words(tmp_path, stored, given, message):
    with pytest.raises(TrainingError, match=message) as caught:
        require_same_recipe(model_from(*given), model_from(*stored), tmp_path / "recipe.json")
    assert (str(tmp_path / "run.json") in str(caught.value)) == ("mine" in stored)


def test_the_same_weights_may_have_other_settings_of_the_model(tmp_path):
    given, stored = model_from("mine"), model_from("mine")
    given["model"]["prompt_policy"], stored["model"]["prompt_policy"] = "all", "newest"
    with pytest.raises(TrainingError, match=r"the run has model\.prompt_policy 'newest', not 'all'; resume"):
        require_same_recipe(given, stored, tmp_path / "recipe.json")


@pytest.mark.parametrize("given", [{"train": 64 * "b"}, {"train": 64 * "b", "val": 64 * "c"}, {}])
def test_refuses_other_data_in_words_and_without_hashes(tmp_path, given):
    with pytest.raises(TrainingError) as caught:
        require_same_recipe({"data": given}, {"data": {"train": 64 * "a"}}, tmp_path / "recipe.json")
    assert str(caught.value) == (
        f"{tmp_path / 'recipe.json'}: images, labels or rows of split train have changed since the run began, or "
        "other manifests are given; put them back, or choose another folder"
    )


@pytest.mark.parametrize("written", [[WEIGHTS_NAME], [BEST_NAME], [BEST_NAME, WEIGHTS_NAME]])
def test_a_run_with_weights_can_be_gone_on_from_by_another(tmp_path, written):
    for name in written:
        (tmp_path / name).touch()
    with pytest.raises(TrainingError) as caught:
        require_same_recipe(STORED | {"loop": {"steps": 20}}, STORED, tmp_path / "recipe.json")
    assert str(caught.value) == (
        f"{tmp_path / 'recipe.json'}: the run has loop.steps 10, not 20; resume with the same recipe, or begin a new "
        f"run from it in another folder, with --weights {tmp_path / written[-1]}"
    )


def test_weights_are_called_as_a_run_calls_them():
    assert (WEIGHTS_NAME, BEST_NAME) == checkpoint._WEIGHTS


def test_settings_that_change_no_number_may_differ(tmp_path):
    free = {**STORED, "loop": {**STORED["loop"], "log_every": 5, "save_every_s": 1.0}}
    require_same_recipe(free, STORED, tmp_path)
    require_same_recipe(STORED, free, tmp_path)


@pytest.mark.parametrize("name", ["log_every", "loop.inner.log_every", "on_the_fly.save_every_s", "workers"])
def test_settings_of_such_a_name_elsewhere_may_not(tmp_path, name):
    outer, _, last = name.rpartition(".")
    given: dict = {}
    place = given
    for part in outer.split(".") if outer else ():
        place = place.setdefault(part, {})
    stored = json.loads(json.dumps(given))
    place[last] = 5
    with pytest.raises(TrainingError, match=rf"the run has {name} absent, not 5"):
        require_same_recipe(given, stored, tmp_path)


@pytest.mark.parametrize("stored", [None, [STORED], "p1"])
def test_refuses_what_is_no_recipe(tmp_path, stored):
    with pytest.raises(TrainingError) as caught:
        require_same_recipe(STORED, stored, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no recipe; put back a copy of it, or choose another folder"
    )


def test_long_values_are_cut_in_the_message(tmp_path):
    with pytest.raises(TrainingError, match=r"the run has names \['n', .{70,80}\.\.\., not absent") as caught:
        require_same_recipe({}, {"names": ["n"] * 1000}, tmp_path)
    assert len(str(caught.value)) < 300


def test_recipe_comes_back_from_json_as_it_is_compared():
    assert as_json({"milestones": (0.6, 0.9)}) == {"milestones": [0.6, 0.9]}


@pytest.mark.parametrize("value", [object(), float("nan")])
def test_refuses_a_recipe_without_json_form(value):
    with pytest.raises(
        UsageError, match=r"the recipe has no JSON form \(.*\); give texts, numbers and lists"
    ):
        as_json({"value": value})
