"""From a run to weights: the average is what is shipped, and the description says what it is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import torch

from seganypet.models.compact import CompactSegmenter
from seganypet.models.weights import load_model
from seganypet.training.export import export_weights
from seganypet.training.loop import State


@pytest.fixture
def state(tiny_recipe) -> State:
    torch.manual_seed(0)
    model, average = (CompactSegmenter(tiny_recipe.architecture) for _ in range(2))
    return State(model, average, torch.optim.SGD(model.parameters()), step=321, seconds=90.0)


def test_the_average_is_written_and_loads(tmp_path, cases, state, tiny_recipe):
    export_weights(state, tiny_recipe, cases, None, [], tmp_path / "tiny.safetensors", name="tiny")
    model = load_model(tmp_path / "tiny.safetensors", device="cpu", precision="float32")
    loaded = model.network.mask_decoder.head.weight
    assert torch.equal(loaded, state.average.mask_decoder.head.weight.half().float())
    assert not torch.equal(loaded, state.model.mask_decoder.head.weight.half().float())
    assert model.patch_size == tiny_recipe.architecture.patch_size


def test_description_says_how_it_was_trained(tmp_path, cases, state, tiny_recipe):
    description = export_weights(state, tiny_recipe, cases, cases, [], tmp_path / "tiny.safetensors")
    assert description.name == "default"
    assert (description.spacing_mm, description.normalisation) == (4.0, "log1p")
    assert description.prompt_policy == "all"
    training = description.training
    assert (training["steps"], training["minutes"]) == (321, 1.5)
    assert (training["simulated_cases"], training["real_tumours"]) == (1, 1)
    assert training["config"]["learning_rate"] == tiny_recipe.learning_rate
    assert abs((date.today() - date.fromisoformat(description.date)).days) <= 1


def test_description_names_the_data_it_was_trained_on(tmp_path, cases, state, tiny_recipe):
    anatomies = [Path("maps/visible_human_male_3mm.nii.gz"), Path("someone.nii.gz")]

    def data(real: Path | None, anatomies: list[Path]) -> list[tuple[str, str]]:
        path = tmp_path / "tiny.safetensors"
        description = export_weights(state, tiny_recipe, cases, real, anatomies, path)
        return [(d["name"], d["licence"]) for d in description.training_data]

    assert [name for name, _ in data(None, [])] == ["SegAnyPET phantom"]
    everything = data(cases, anatomies)
    assert everything[0][0] == "SegAnyPET phantom"
    assert ("HuBMAP CCF reference organs, Visible Human male, voxelised at 3 mm", "CC BY 4.0") in everything
    assert ("someone", "unknown") in everything
    assert everything[-1][0].startswith("Soft-tissue-Sarcoma (TCIA)")
    assert everything[-1][1] == "CC BY 3.0"
