"""The network that a training starts from, random or given, with the description that its weights will have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seganypet.errors import UsageError
from seganypet.models.model import ModelDescription
from seganypet.models.presets import build_network
from seganypet.models.weights import describe_weights, load_network, sha256_of, weights_path
from seganypet.training.checkpoint import as_json, require_same_recipe
from seganypet.training.config import TrainingConfig
from seganypet.training.journal import RECIPE


def starting_network(config: TrainingConfig, weights: str | None) -> tuple[nn.Module, TrainingConfig]:
    """Return the network to train, and the configuration with the description that its weights will have.

    Spacing, orientation and normalisation are those of the weights, where some are given; how the network is prompted
    is the recipe's to say. That boxes are understood is only said of weights that have learned it (`export_weights`).

    Args:
        config: A recipe.
        weights: To start from, by name or path; None: random ones.

    Raises:
        UsageError: A recipe that needs weights has none, or boxes are to be learned by a network without a place for
            them.
        WeightsError: The weights cannot be used.
    """
    learns_boxes = config.episode.box_share > 0
    torch.manual_seed(config.loop.seed)  # of new parameters
    if weights is None:
        _refuse_without_weights(config, learns_boxes)
        network = build_network(config.model.architecture, config.model.config)
        model = replace(config.model, boxes=False)
    else:
        network, model = _given(weights, learns_boxes)
    policy = config.episode.prompt_policy or model.prompt_policy
    model = replace(model, prompt_policy=policy)
    laid_out = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return laid_out, replace(config, model=model)


def require_settings_of(run: Path, config: TrainingConfig, weights: str | None) -> None:
    """Refuse to resume a run with other settings, as far as that can be told before weights and data are read.

    Args:
        run: Its folder; where it holds no recipe there is nothing to compare with.
        config: The recipe to resume with.
        weights: To start from, by name or path; None: random ones.

    Raises:
        TrainingError: As for `require_same_recipe`.
    """
    given = as_json(config.as_dict())
    try:
        stored = json.loads((run / RECIPE).read_text(encoding="utf-8"))
        model = dict(stored["model"])  # most of it is the weights' to say
        if weights is None:
            model |= {name: given["model"][name] for name in ("name", "training")}
        known = {**stored, **given, "model": model}
        if config.epochs is not None:  # the data say how many steps they are
            known |= {"epochs": None, "loop": {**given["loop"], "steps": stored["loop"]["steps"]}}
    except (OSError, ValueError, LookupError, TypeError):  # none yet, or damaged, which is told with the data
        return
    require_same_recipe(known, stored, run / RECIPE)


def _refuse_without_weights(config: TrainingConfig, learns_boxes: bool) -> None:
    if config.fine_tunes:
        raise UsageError(f"recipe {config.recipe} goes on from weights; give --weights")
    if learns_boxes and not config.model.config.get("boxes"):
        raise UsageError(
            f"network {config.model.name} has no place for boxes; set episode.box_share to 0, or, for the compact "
            "one, model.config.boxes to true"
        )


def _given(weights: str, learns_boxes: bool) -> tuple[nn.Module, ModelDescription]:
    """Return the network of given weights, and their description less what a training will change."""
    known = describe_weights(weights).description
    if learns_boxes and known.architecture != "compact":
        raise UsageError(f"{weights}: this network has no place for boxes; add --set episode.box_share=0")
    network, description = load_network(weights, boxes=learns_boxes or known.boxes)
    origin = {
        "name": description.name,
        "sha256": description.sha256 or sha256_of(weights_path(weights)),
        **{key: description.training[key] for key in ("recipe", "steps") if key in description.training},
    }
    history: list[Mapping[str, Any]] = [*description.training.get("history", []), origin]
    return network, replace(
        description,
        boxes=known.boxes,
        training={"history": history},
        metrics={},
        sha256="",
        date="",
    )
