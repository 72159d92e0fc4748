"""From a run to weights: what is written loads, and the description says how it came about."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch

from seganypet.errors import ManifestError
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.model import ModelDescription
from seganypet.models.weights import load_model
from seganypet.training.cohort import Cohort, read_cohort
from seganypet.training.export import export_weights


@pytest.fixture
def cohort(tmp_path, write_cohort) -> Cohort:
    return read_cohort([write_cohort(("train", "hq"), ("train", "lq"))], "train", tmp_path / "cache")


@pytest.fixture
def export(tmp_path, cohort, tiny_recipe):
    def write(config=tiny_recipe, data=cohort, scores=None) -> ModelDescription:
        torch.manual_seed(0)
        return export_weights(
            CompactSegmenter(CompactConfig(**config.model.config)),
            config=config,
            cohort=data,
            step=321,
            scores=scores or {},
            path=tmp_path / "t.safetensors",
        )

    return write


def test_the_network_is_written_and_loads(tmp_path, export, tiny_recipe):
    export()
    torch.manual_seed(0)
    expected = CompactSegmenter(CompactConfig(**tiny_recipe.model.config)).mask_decoder.head.weight
    model = load_model(tmp_path / "t.safetensors", device="cpu", precision="float32")
    assert torch.equal(model.network.mask_decoder.head.weight, expected.half().float())


@pytest.mark.parametrize(("share", "learned"), [(0.0, False), (0.5, False), (0.8, True)])
def test_boxes_are_learned_from_a_thousand_of_them(export, tiny_recipe, share, learned):
    """321 steps of 4 samples: 642 boxes, or 1,027."""
    episode = replace(tiny_recipe.episode, box_share=share)
    model = replace(tiny_recipe.model, boxes=False)
    recipe = replace(tiny_recipe, model=model, episode=episode, batch_size=4)
    assert export(recipe).boxes == learned


def test_description_says_how_it_was_trained(export, tiny_recipe):
    description = export(
        replace(tiny_recipe, model=replace(tiny_recipe.model, name="mine")), scores={"dice_1": 0.5}
    )
    assert (description.name, description.spacing_mm, description.boxes) == ("mine", 6.0, True)
    training = description.training
    assert (training["recipe"], training["steps"]) == ("debug", 321)
    assert (training["cohort"]["hq_cases"], training["cohort"]["lq_cases"]) == (1, 1)
    assert (
        training["config"]["loop"]["optimiser"]["learning_rate"] == tiny_recipe.loop.optimiser.learning_rate
    )
    assert "model" not in training["config"]  # the description itself is that
    assert description.metrics == {"validation while training, on patches": {"dice_1": 0.5}}
    assert abs((date.today() - date.fromisoformat(description.date)).days) <= 1


def names(description: ModelDescription) -> list[tuple[str, str]]:
    return [(entry["name"], entry["licence"]) for entry in description.training_data]


def test_data_of_nobody_knows_what_has_an_unknown_licence(export):
    assert names(export()) == [("cohort/manifest.csv", "unknown")]


def test_a_file_beside_the_manifest_says_what_the_data_is(export, cohort):
    about = {"name": "Ours", "licence": "CC BY 4.0", "citation": "Somebody 2020"}
    cohort.manifests[0].with_name("about.json").write_text(json.dumps(about))
    assert export().training_data == [about]


def test_simulated_cohorts_name_the_bodies_they_were_made_of(export, cohort):
    record = {"config": {"anatomies": ["maps/visible_human_male_3mm.nii.gz", "someone.nii.gz"]}}
    cohort.manifests[0].with_name("simulate.json").write_text(json.dumps(record))
    assert names(export()) == [
        ("SegAnyPET phantom", "Apache-2.0 (made by this package)"),
        ("HuBMAP CCF reference organs, Visible Human male, voxelised at 3 mm", "CC BY 4.0"),
        ("someone", "unknown"),
    ]


def test_data_of_earlier_trainings_stays_and_nothing_is_named_twice(export, tiny_recipe):
    earlier = ({"name": "Before", "licence": "CC0"}, {"name": "cohort/manifest.csv", "licence": "unknown"})
    config = replace(tiny_recipe, model=replace(tiny_recipe.model, training_data=earlier))
    assert names(export(config)) == [("Before", "CC0"), ("cohort/manifest.csv", "unknown")]


@pytest.mark.parametrize(("licence", "expected"), [("CC BY 4.0", "Apache-2.0"), (None, "unknown")])
def test_weights_keep_their_licence_only_where_that_of_all_data_is_known(
    export, cohort, tiny_recipe, licence, expected
):
    about = {"name": "Ours"} | ({"licence": licence} if licence else {})
    cohort.manifests[0].with_name("about.json").write_text(json.dumps(about))
    licensed = replace(tiny_recipe, model=replace(tiny_recipe.model, licence="Apache-2.0"))
    assert export(licensed).licence == expected


@pytest.mark.parametrize("content", ["{", "[1]"])
def test_refuses_a_damaged_description_of_the_data(export, cohort, content):
    Path(cohort.manifests[0].with_name("about.json")).write_text(content)
    with pytest.raises(ManifestError, match=r"about\.json: "):
        export()
