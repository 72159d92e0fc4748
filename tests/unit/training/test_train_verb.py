"""`seganypet train`: a few steps of a tiny network, from the command line to weights that load."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from papers_checkpoint import write_papers_checkpoint
from seganypet.cli import main
from seganypet.cli.train import STOPPED, resolved
from seganypet.errors import UsageError
from seganypet.models.checkpoint import save_checkpoint
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.presets import PRESETS
from seganypet.models.weights import load_model, load_network, save_weights
from seganypet.training import export, recipes
from seganypet.training import run as run_module


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tiny_recipe):
    """The debug recipe is tinier still, and patches are prepared in this process."""
    monkeypatch.setitem(recipes.RECIPES, "debug", lambda: tiny_recipe)


@pytest.fixture
def train(tmp_path, write_cohort):
    """A function that runs the verb on a cohort of two cases; returns exit code."""
    manifest = write_cohort(("train", "hq"), ("train", "lq"), ("val", "hq"))

    def run(*options: str, recipe: str = "debug", run: str = "run") -> int:
        line = ["train", recipe, "--manifest", str(manifest), "-o", str(tmp_path / run), "--workers", "0"]
        return main([*line, *options])

    return run


def assert_same_weights(*paths: Path) -> None:
    one, other = (load_network(path)[0].state_dict() for path in paths)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_writes_weights_that_load_and_a_folder_that_tells_its_story(tmp_path, train, capsys):
    assert train() == 0
    run = tmp_path / "run"
    model = load_model(run / "weights.safetensors", device="cpu", precision="float32")
    assert (model.description.name, model.patch_size, model.description.boxes) == ("run", 32, False)
    written = {path.name for path in run.iterdir()}
    assert written >= {"recipe.json", "run.json", "log.jsonl", "cohort.json", "checkpoint.pt", "weights.json"}
    assert json.loads((run / "recipe.json").read_text())["recipe"] == "debug"
    (summary,) = json.loads((run / "cohort.json").read_text())
    assert (summary["cases"], summary["lq_cases"]) == (2, 1)
    average = torch.load(run / "checkpoint.pt", weights_only=True)["average"]
    assert all(
        torch.equal(tensor, average[name].half().float())
        for name, tensor in model.network.state_dict().items()
    )
    assert f"wrote {run / 'weights.safetensors'}" in capsys.readouterr().out


def test_validates_on_the_manifests_own_cases_and_keeps_the_best_weights(tmp_path, train):
    settings = ["validation.samples=3", "validation.clicks=1,2", "loop.validate_every=2"]
    assert train(*(part for setting in settings for part in ("--set", setting))) == 0
    lines = [json.loads(line) for line in (tmp_path / "run" / "validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3]
    assert all(line["score"] == pytest.approx((line["dice_1"] + line["dice_2"]) / 2) for line in lines)
    best = max(lines, key=lambda line: line["score"])
    training = load_model(tmp_path / "run" / "best.safetensors").description.training
    assert training["steps"] == best["step"]


def test_cpcl_and_the_chosen_targets_reach_the_training(tmp_path, train):
    settings = ["cpcl.uncertainty_threshold=0.5", "sampling.hq_share=0.5", "targets=liver"]
    assert train(*(part for setting in settings for part in ("--set", setting))) == 0
    (summary,) = json.loads((tmp_path / "run" / "cohort.json").read_text())
    assert list(summary["targets"]) == ["liver"]
    lines = [json.loads(line)["terms"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all(line["labels_changed"] > 0 and line["consistency"] > 0 for line in lines)
    # The liver's noisy label is a voxel larger on three sides.
    assert lines[0]["lq_label_dice"] == pytest.approx(2 * 10**3 / (10**3 + 11**3), abs=0.1)


def test_resume_with_other_data_is_refused_and_changes_nothing(tmp_path, train, write_cohort, capsys):
    assert train("--set", "loop.steps=4", "--minutes", "1e-9") == STOPPED
    before = (tmp_path / "run" / "cohort.json").read_bytes()
    other = write_cohort(("train", "hq"), name="other")
    line = [
        "train",
        "debug",
        "--manifest",
        str(other),
        "-o",
        str(tmp_path / "run"),
        "--workers",
        "0",
        "--resume",
    ]
    assert main([*line, "--set", "loop.steps=4"]) == 2
    message = capsys.readouterr().err
    assert "images, labels or rows of split train have changed since the run began" in message
    assert "; put them back, or begin a new run from it in another folder" in message
    assert (tmp_path / "run" / "cohort.json").read_bytes() == before


def test_several_processes_train_as_one_with_their_batches_together(tmp_path, train, tiny_recipe):
    """The real command under torchrun, with gloo: two processes with one patch each, one with two."""
    settings = ["loop.steps=2", "loop.precision=float32", "validation=none", "episode.clicks=2,2"]
    network = {k: list(v) if isinstance(v, tuple) else v for k, v in tiny_recipe.model.config.items()}
    settings += [f"model.config={network}", "loop.ema_decay=none"]
    common = [part for setting in settings for part in ("--set", setting)]
    manifest = str(tmp_path / "cohort" / "manifest.csv")
    line = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    line += ["seganypet", "train", "debug", "--manifest", manifest, "--workers", "0", "--device", "cpu"]
    line += [*common, "-o", str(tmp_path / "two"), "--set", "batch_size=1"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    recipe = recipes.debug()
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(recipes.RECIPES, "debug", lambda: recipe)
        assert train(*common, "--set", "batch_size=2", "--device", "cpu", run="one") == 0
    one, two = (
        torch.load(tmp_path / run / "checkpoint.pt", weights_only=True)["network"] for run in ("one", "two")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-3, atol=2e-5)


def test_second_run_needs_resume_and_then_changes_nothing(tmp_path, train, capsys):
    assert train() == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert train() == 2
    assert "--resume" in capsys.readouterr().err
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    kept = tmp_path / "kept.safetensors"
    for suffix in (".safetensors", ".json"):
        (tmp_path / "run" / f"weights{suffix}").rename(kept.with_suffix(suffix))
    assert train("--resume") == 0
    assert_same_weights(tmp_path / "run" / "weights.safetensors", kept)


def test_resume_ends_with_the_weights_of_a_run_without_interruption(tmp_path, train):
    assert train("--set", "loop.steps=4") == 0
    assert train("--set", "loop.steps=4", "--minutes", "1e-9", run="stopped") == STOPPED
    early = load_network(tmp_path / "stopped" / "weights.safetensors")[1]
    assert early.training["steps"] < 4
    assert train("--set", "loop.steps=4", "--resume", run="stopped") == 0
    late = load_network(tmp_path / "stopped" / "weights.safetensors")[1]
    assert late.training["steps"] == 4
    assert_same_weights(*(tmp_path / run / "weights.safetensors" for run in ("run", "stopped")))


def refuse_to_read(*_: object, **__: object) -> None:
    pytest.fail("the cohort was read")


def test_a_resume_with_other_settings_is_refused_before_the_cohort_is_read(
    tmp_path, train, capsys, monkeypatch
):
    assert train("--set", "loop.steps=4", "--minutes", "1e-9") == STOPPED
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "read_cohort", refuse_to_read)
        assert train("--resume", "--set", "loop.steps=4", "--set", "batch_size=1") == 2
        assert (
            "batch_size 2, not 1; resume with the same recipe, or begin a new run" in capsys.readouterr().err
        )
        assert train("--resume", recipe="compact") == 2
        assert "the run has recipe 'debug', not 'compact'" in capsys.readouterr().err
    assert train("--resume", "--set", "loop.steps=4", "--set", "loop.log_every=2") == 0


def test_a_finished_run_is_not_made_longer_but_another_may_go_on_from_it(tmp_path, train, capsys):
    assert train() == 0
    assert train("--resume", "--set", "loop.steps=5") == 2
    weights = tmp_path / "run" / "weights.safetensors"
    assert f"begin a new run from it in another folder, with --weights {weights}" in capsys.readouterr().err
    assert train("--weights", str(weights), run="on") == 0


def test_a_resume_needs_the_weights_that_the_run_began_from(tmp_path, train, capsys, monkeypatch):
    assert train(run="before") == 0
    weights = ["--weights", str(tmp_path / "before" / "weights.safetensors")]
    assert train(*weights, "--minutes", "1e-9") == STOPPED
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "read_cohort", refuse_to_read)
        assert train("--resume") == 2
    message = capsys.readouterr().err
    assert "the run began from weights 'before'; give --weights as in its command, which is in" in message
    assert str(tmp_path / "run" / "run.json") in message
    assert train("--resume", *weights) == 0


def test_a_resume_without_data_is_told_where_the_command_is(tmp_path, train, capsys):
    assert train() == 0
    line = ["train", "debug", "--resume", "-o"]
    assert main([*line, str(tmp_path / "run")]) == 2
    assert f"its command is in {tmp_path / 'run' / 'run.json'}" in capsys.readouterr().err
    assert main([*line, str(tmp_path / "new")]) == 2
    assert "nothing to train on; give --manifest, or" in capsys.readouterr().err


def test_a_run_of_epochs_is_resumed_with_as_many(tmp_path, train, capsys):
    epochs = ["--set", "epochs=1"]  # 4 targets, 2 a step
    assert train(*epochs, "--minutes", "1e-9") == STOPPED
    assert train(*epochs, "--resume", "--set", "epochs=2") == 2
    assert "the run has loop.steps 2, not 4" in capsys.readouterr().err
    assert train(*epochs, "--resume") == 0


@pytest.mark.parametrize(
    ("recipe", "settings", "length"),
    [
        ("pets-5k", [], (200, 1)),
        ("pets-5k", ["epochs=none", "loop.steps=2"], (None, 2)),
        ("pets-5k", ["loop.steps=2", "epochs=None"], (None, 2)),
        ("pets-5k", ["loop.steps=none"], (200, 1)),
        ("pets-5k", ["epochs=2", "loop.steps=none"], (2, 1)),
        ("compact", ["epochs=2", "loop.steps=none"], (2, 3300)),
        ("compact", ["epochs=none"], (None, 3300)),
        ("compact", ["loop.steps=none", "epochs=3", "loop.steps=7", "epochs=none"], (None, 7)),
    ],
)
def test_one_of_steps_and_epochs_says_how_long_to_train(recipe, settings, length):
    config = resolved(Namespace(recipe=recipe, on_the_fly=False, settings=settings))
    assert (config.epochs, config.loop.steps) == length


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("pets-5k", ["epochs=none"], "epochs=none, and nothing else says .*; add --set loop.steps=N"),
        ("pets-5k", ["epochs=none", "loop.steps=none"], "epochs=none, .*; add --set loop.steps=N"),
        ("compact", ["loop.steps=none"], "loop.steps=none, and nothing else says .*; add --set epochs=N"),
        ("compact", ["loop.steps=2", "epochs=3"], "both say how long to train; set one of them"),
    ],
)
def test_refuses_a_training_without_a_length_or_with_two(recipe, settings, message):
    with pytest.raises(UsageError, match=message):
        resolved(Namespace(recipe=recipe, on_the_fly=False, settings=settings))


def test_fine_tunes_weights_and_remembers_where_they_come_from(tmp_path, train):
    torch.manual_seed(5)
    network = CompactSegmenter(CompactConfig(patch_size=32, channels=(4, 8, 12), num_heads=2))
    start = tmp_path / "start.safetensors"
    description = replace(PRESETS["compact"], config=asdict(network.config), name="before")
    described = save_weights(network, description, start)
    rate = ["--set", "loop.optimiser.learning_rate=1e-9", "--set", "loop.ema_decay=none"]
    assert train("--weights", str(start), "--name", "after", *rate) == 0
    tuned, description = load_network(tmp_path / "run" / "weights.safetensors")
    assert description.name == "after"
    assert description.spacing_mm == PRESETS["compact"].spacing_mm  # of the weights, not of the recipe
    assert description.training["history"] == [{"name": "before", "sha256": described.sha256}]
    kept = tuned.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.allclose(kept[name], tensor, atol=2e-3), name
    assert set(kept) > set(network.state_dict())  # and boxes besides
    assert not description.boxes  # a few were seen


def test_weights_say_that_they_take_boxes_only_if_they_learned_them(tmp_path, train, monkeypatch):
    monkeypatch.setattr(export, "BOXES_TO_LEARN", 3)
    assert train("--set", "episode.box_share=0.5") == 0
    assert load_network(tmp_path / "run" / "weights.safetensors")[1].boxes
    boxed = ["--weights", str(tmp_path / "run" / "weights.safetensors"), "--set", "episode.box_share=0"]
    assert train(*boxed, run="on") == 0
    assert load_network(tmp_path / "on" / "weights.safetensors")[1].boxes
    assert train("--set", "episode.box_share=0", run="without") == 0
    assert not load_network(tmp_path / "without" / "weights.safetensors")[1].boxes


def test_fine_tuning_is_validated_before_the_first_step(tmp_path, train):
    def validated(run: str) -> list[dict[str, float]]:
        return [json.loads(line) for line in (tmp_path / run / "validation.jsonl").read_text().splitlines()]

    looked = ["--set", "validation.samples=3", "--set", "validation.clicks=1,2"]
    assert train(*looked) == 0
    assert train("--weights", str(tmp_path / "run" / "weights.safetensors"), *looked, run="on") == 0
    last, first = validated("run")[-1], validated("on")[0]
    assert (validated("run")[0]["step"] > 0, first["step"]) == (True, 0)
    assert first["score"] == pytest.approx(last["score"], rel=0.02)


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        (["loop.precision=float16"], "this processor emulates float16; --set loop.precision="),
        (
            ["loop.steps=3", "loop.schedule.warmup_steps=2"],
            "the learning rate rises for 2 steps, and there are 3",
        ),
    ],
)
def test_warns_of_settings_that_cost_a_training_its_sense(train, capsys, settings, warning):
    assert train(*[part for setting in settings for part in ("--set", setting)]) == 0
    assert warning in capsys.readouterr().err


def test_steps_take_the_place_of_a_recipes_epochs(tmp_path, train):
    start = write_papers_checkpoint(tmp_path / "sam_med3d.pth")
    small = [
        "loop.steps=3",
        "batch_size=1",
        "episode.clicks=1,1",
        "loop.precision=float32",
        "validation=none",
    ]
    changes = [part for setting in small for part in ("--set", setting)]
    assert train("--weights", str(start), *changes, recipe="segany-pet-lesion") == 0
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["loop"]["steps"] == 3


def test_refuses_boxes_for_a_network_without_a_place_for_them(tmp_path, train, capsys):
    start = write_papers_checkpoint(tmp_path / "sam_med3d.pth")
    assert train("--weights", str(start)) == 2
    assert "has no place for boxes; add --set episode.box_share=0" in capsys.readouterr().err


def test_refuses_a_share_of_a_quality_that_no_row_has(tmp_path, write_cohort, capsys):
    manifest = write_cohort(("train", "hq"), ("val", "lq"))
    line = ["train", "debug", "--manifest", str(manifest), "-o", str(tmp_path / "run")]
    assert main([*line, "--set", "sampling.hq_share=0.25"]) == 2
    assert (
        "no row to train on has quality lq; add some, or --set sampling.hq_share=1" in capsys.readouterr().err
    )
    assert not (tmp_path / "run").exists()


def test_an_unknown_target_is_told_once_and_before_anything_is_read(tmp_path, train, capsys):
    assert train("--set", "targets=heart") == 2
    assert capsys.readouterr().err.count("target 'heart': no labels.json has it") == 1
    assert not (tmp_path / "run").exists()


def test_training_needs_monai(tmp_path, train, capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "monai" else found(name))
    assert train() == 2
    assert 'pip install "seganypet[train]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "settings", "policy"),
    [
        ("petwb-seg11k", [], "all"),
        ("pets-5k", ["targets=liver", "loop.accumulation=2", "sampling.hq_share=0.5"], "newest"),
        ("segany-pet-lesion", [], "all"),
    ],
)
def test_fine_tunes_the_authors_checkpoint_by_each_of_their_recipes(
    tmp_path, train, recipe, settings, policy
):
    """A small checkpoint as the authors' training writes it, with other sizes than the published one."""
    start = write_papers_checkpoint(tmp_path / "sam_med3d.pth")
    small = ["epochs=2", "batch_size=1", "episode.clicks=2,3", "loop.precision=float32", "validation=none"]
    changes = [part for setting in [*small, *settings] for part in ("--set", setting)]
    assert train("--weights", str(start), *changes, recipe=recipe) == 0
    network, description = load_network(tmp_path / "run" / "weights.safetensors")
    before, _ = load_network(start)
    assert (description.architecture, description.prompt_policy, description.boxes) == (
        "sam3d",
        policy,
        False,
    )
    assert [origin["name"] for origin in description.training["history"]] == ["sam_med3d"]
    moved = {
        name.partition(".")[0]
        for name, tensor in network.state_dict().items()
        if not torch.allclose(tensor, before.state_dict()[name], atol=1e-4)
    }
    assert "image_encoder" in moved
    save_checkpoint(network, tmp_path / "for_their_code.pth")
    assert_same_weights(tmp_path / "for_their_code.pth", tmp_path / "run" / "weights.safetensors")


def test_trains_on_scans_simulated_meanwhile(tmp_path, capsys):
    small = ["on_the_fly.lanes=2", "on_the_fly.stream.shape=48,48,48", "loop.steps=1"]
    settings = [part for setting in small for part in ("--set", setting)]
    line = ["train", "debug", "--on-the-fly", "-o", str(tmp_path / "run"), "--workers", "0", *settings]
    assert main(line) == 0
    description = load_model(tmp_path / "run" / "weights.safetensors").description
    assert [entry["name"] for entry in description.training_data] == ["SegAnyPET phantom"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["debug"], "nothing to train on; give --manifest, or simulate scans with --on-the-fly"),
        (
            ["segany-pet-lesion", "--manifest", "m.csv"],
            "recipe segany-pet-lesion goes on from weights; give --weights",
        ),
        (["debug", "--manifest", "m.csv"], "m.csv: no such file"),
        (["debug", "--manifest", "m.csv", "--set", "loop.stepz=3"], "no setting loop.stepz"),
        (
            ["pets-5k", "--on-the-fly"],
            "scans that are simulated meanwhile have none; add --set loop.steps=N",
        ),
        (
            ["pets-5k", "--manifest", "m.csv", "--set", "epochs=2", "--set", "loop.steps=2"],
            "loop.steps and epochs both say how long to train; set one of them",
        ),
        (["debug", "--manifest", "m.csv", "--jobs", "0"], "'0' is below 1"),
        (["debug", "--manifest", "m.csv", "--minutes", "0"], "'0' is not above 0"),
        (["debug", "--manifest", "m.csv", "--weights", "gone.pth"], "gone.pth: no such weight file"),
        (["giant", "--manifest", "m.csv"], "invalid choice: 'giant'"),
    ],
)
def test_refuses_what_cannot_be_trained(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *options, "-o", "run"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
