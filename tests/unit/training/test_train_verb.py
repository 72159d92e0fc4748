"""`seganypet train`: a few steps of a tiny network, from the command line to weights that load."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from papers_checkpoint import write_papers_checkpoint
from seganypet.cli import main
from seganypet.models.checkpoint import save_checkpoint
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.presets import PRESETS
from seganypet.models.weights import load_model, load_network, save_weights
from seganypet.training import recipes


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
    model = load_model(run / "weights.safetensors", device="cpu")
    assert (model.description.name, model.patch_size, model.description.boxes) == ("run", 32, True)
    written = {path.name for path in run.iterdir()}
    assert written >= {"recipe.json", "run.json", "log.jsonl", "cohort.json", "checkpoint.pt", "weights.json"}
    assert json.loads((run / "recipe.json").read_text())["recipe"] == "debug"
    (summary, held_out) = json.loads((run / "cohort.json").read_text())
    assert (summary["cases"], held_out["cases"]) == (2, 1)
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
    assert train("--set", "loop.steps=4", "--minutes", "1e-9", run="stopped") == 0
    assert not (tmp_path / "stopped" / "weights.safetensors").exists()
    while not (tmp_path / "stopped" / "weights.safetensors").exists():
        assert train("--set", "loop.steps=4", "--resume", run="stopped") == 0
    assert_same_weights(*(tmp_path / run / "weights.safetensors" for run in ("run", "stopped")))


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
    assert description.training["from"] == {"name": "before", "sha256": described.sha256}
    kept = tuned.state_dict()
    for name, tensor in network.state_dict().items():
        assert torch.allclose(kept[name], tensor, atol=2e-3), name
    assert set(kept) > set(network.state_dict())  # and boxes besides


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("petwb-seg11k", []),
        ("pets-5k", ["targets=liver", "loop.accumulation=2", "sampling.hq_share=0.5"]),
        ("segany-pet-lesion", []),
    ],
)
def test_fine_tunes_the_authors_checkpoint_by_each_of_their_recipes(tmp_path, train, recipe, settings):
    """A small checkpoint as the authors' training writes it, with other sizes than the published one."""
    start = write_papers_checkpoint(tmp_path / "sam_med3d.pth")
    small = ["epochs=2", "batch_size=1", "episode.clicks=2,3", "loop.precision=float32", "validation=none"]
    changes = [part for setting in [*small, *settings] for part in ("--set", setting)]
    assert train("--weights", str(start), *changes, recipe=recipe) == 0
    network, description = load_network(tmp_path / "run" / "weights.safetensors")
    before, _ = load_network(start)
    assert (description.architecture, description.prompt_policy, description.boxes) == (
        "sam3d",
        "newest",
        False,
    )
    assert description.training["from"]["name"] == "sam_med3d"
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
