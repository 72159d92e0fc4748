"""Recipes: the papers' figures where they come from the papers, and what must hold of all."""

from __future__ import annotations

import json

import pytest

from seganypet.cli import train
from seganypet.errors import UsageError
from seganypet.models.compact import CompactConfig
from seganypet.models.presets import PRESETS
from seganypet.training.config import TrainingConfig
from seganypet.training.optimisation import schedule_factor
from seganypet.training.overrides import overridden
from seganypet.training.recipes import RECIPES, compact, pets_5k, petwb_seg11k, segany_pet_lesion


def rates(recipe: TrainingConfig, epoch: float, epochs: int) -> float:
    """The factor on the learning rates at an epoch, a step being an epoch."""
    return schedule_factor(recipe.loop.schedule, epochs, epoch)


def test_p1_recipe_has_the_papers_figures():
    recipe = pets_5k()
    assert recipe.model == PRESETS["papers"]
    assert recipe.targets == ("liver", "kidney_left", "kidney_right", "heart", "spleen")
    optimiser = recipe.loop.optimiser
    assert (optimiser.learning_rate, optimiser.prompt_and_decoder_factor) == (8e-4, 1.0)
    assert optimiser.weight_decay == 0.1
    assert (recipe.batch_size, recipe.loop.accumulation, recipe.epochs) == (12, 20, 200)
    assert [rates(recipe, epoch, 200) for epoch in (119, 120, 179, 180)] == pytest.approx([1, 0.1, 0.1, 0.01])
    cpcl = recipe.cpcl
    assert (cpcl.labels, cpcl.lq_weight, cpcl.consistency) == ("flipped", "ramped", True)
    assert (cpcl.beta, cpcl.ramp_maximum, cpcl.ramp, cpcl.entropy) == (5.0, 0.1, "paper", "mean")
    assert (recipe.model.prompt_policy, recipe.episode.prompt_policy) == ("newest", None)


def test_p2_recipe_has_the_papers_figures():
    recipe = petwb_seg11k()
    assert recipe.model == PRESETS["papers"]
    assert recipe.cpcl is None
    assert recipe.targets == ()
    optimiser = recipe.loop.optimiser
    assert (optimiser.learning_rate, optimiser.prompt_and_decoder_factor) == (8e-5, 0.1)
    assert optimiser.weight_decay == 0.1
    assert (recipe.batch_size, recipe.loop.accumulation, recipe.epochs) == (12, 1, 500)
    assert recipe.loop.precision == "float16"
    assert (recipe.episode.clicks, recipe.episode.prompt_policy) == ((1, 20), "all")
    assert [rates(recipe, epoch, 500) for epoch in (119, 120, 179, 180)] == pytest.approx([1, 0.1, 0.1, 0.01])


def test_lesion_recipe_goes_on_for_200_epochs_on_lesions():
    recipe = segany_pet_lesion()
    assert (recipe.targets, recipe.epochs, recipe.fine_tunes) == (("lesion",), 200, True)
    assert recipe.loop.optimiser == petwb_seg11k().loop.optimiser
    assert [rates(recipe, epoch, 200) for epoch in (119, 120, 179, 180)] == pytest.approx([1, 0.1, 0.1, 0.01])


@pytest.mark.parametrize("recipe", [pets_5k(), petwb_seg11k(), segany_pet_lesion()], ids=lambda r: r.recipe)
def test_the_papers_change_images_by_flips_alone(recipe):
    sampling = recipe.sampling
    assert sampling.flips
    assert (sampling.near, sampling.beside_share, sampling.zoom_share, sampling.uptake_scale) == (0, 0, 0, 0)
    assert sampling.deepest_share == 0  # any voxel is clicked first


def test_compact_recipe_learns_all_prompts_with_the_compact_network():
    recipe = compact()
    assert CompactConfig(**recipe.model.config).boxes
    assert recipe.model.boxes
    assert recipe.episode.box_share > 0
    assert recipe.episode.prior_share > 0
    assert recipe.episode.mask_only_share > 0


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_name_and_a_json_form(name):
    recipe = RECIPES[name]()
    assert recipe.recipe == name
    json.dumps(recipe.as_dict(), allow_nan=False)


def test_the_command_line_knows_these_recipes():
    assert set(train.RECIPES) == set(RECIPES)


def test_epochs_become_steps():
    recipe = overridden(pets_5k(), ["epochs=3", "batch_size=2", "loop.accumulation=5"])
    # 100 targets, 2 x 5 x 4 a step: 2.5 steps an epoch.
    resolved = recipe.with_length(targets=100, world=4)
    assert (resolved.epochs, resolved.loop.steps) == (None, 8)
    assert recipe.with_length(targets=1, world=8).loop.steps == 1


def test_steps_stay_where_a_recipe_counts_in_steps():
    assert compact().with_length(targets=100, world=4) == compact()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("batch_size=0", "batch_size=0; expected 1 or more"),
        ("epochs=0", r"epochs=0\.0; expected a number above 0"),
        ("cohort_share=2", r"cohort_share=2\.0; expected 0 to 1"),
    ],
)
def test_refuses_settings_that_are_none(setting, message):
    with pytest.raises(UsageError, match=message):
        overridden(compact(), [setting])
