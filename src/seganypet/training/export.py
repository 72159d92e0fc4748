"""From a training run to weights that describe themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from torch import nn

from seganypet.errors import ManifestError
from seganypet.models.model import ModelDescription
from seganypet.models.weights import save_weights
from seganypet.training.cohort import Cohort
from seganypet.training.config import TrainingConfig

ABOUT_NAME: Final = "about.json"
"""File beside a manifest that says what its data is: {"name", "what", "licence", "citation"}, all text."""

BOXES_TO_LEARN: Final = 1000
"""Boxes that weights must have seen in training for their description to say that they take boxes."""

_SIMULATION_RECORD: Final = "simulate.json"
_PHANTOMS: Final = {
    "name": "SegAnyPET phantom",
    "what": "simulated whole-body PET with exact labels",
    "licence": "Apache-2.0 (made by this package)",
}
# Licences of the label maps that simulated bodies were made of, where the package knows them.
_ANATOMIES: Final[Mapping[str, Mapping[str, str]]] = {
    "visible_human_male_3mm": {
        "name": "HuBMAP CCF reference organs, Visible Human male, voxelised at 3 mm",
        "what": "organ labels from which simulated bodies were made",
        "licence": "CC BY 4.0",
    },
    "totalsegmentator_example_labels_3mm": {
        "name": "TotalSegmentator example, 3 mm",
        "what": "organ labels of one abdomen from which simulated bodies were made",
        "licence": "Apache-2.0",
        "citation": "Wasserthal J. et al. 2023, DOI 10.1148/ryai.230024",
    },
}


def export_weights(
    network: nn.Module,
    *,
    config: TrainingConfig,
    cohort: Cohort | None,
    step: int,
    scores: Mapping[str, float],
    path: Path,
) -> ModelDescription:
    """Write weights, and a description of them that says how they came about.

    Args:
        network: What to write: a run's averaged network.
        config: What it was trained by; its model's name becomes the weights'.
        cohort: What it was trained on, or None where all was simulated on the fly.
        step: Optimiser steps done.
        scores: Of the validation, if this is the best one.
        path: Where to write; ends in `.safetensors`.

    Raises:
        WeightsError, OutputError: As for `save_weights`.
        ManifestError: A file that says what data is cannot be read.
    """
    data = _training_data(config, cohort)
    unknown = any(entry.get("licence", "unknown") == "unknown" for entry in data)
    description = replace(
        config.model,
        boxes=config.model.boxes or _boxes_seen(config, step) >= BOXES_TO_LEARN,
        licence="unknown" if unknown else config.model.licence,
        training_data=data,
        training={
            **config.model.training,
            "recipe": config.recipe,
            "steps": step,
            **({} if cohort is None else {"cohort": cohort.summary()}),
            "config": {name: part for name, part in config.as_dict().items() if name != "model"},
        },
        metrics={"validation while training, on patches": dict(scores)} if scores else {},
        date=datetime.now(UTC).date().isoformat(),
    )
    return save_weights(network, description, path)


def _boxes_seen(config: TrainingConfig, step: int) -> float:
    """Return about how many samples of one process began with a box."""
    return step * config.loop.accumulation * config.batch_size * config.episode.box_share


def _training_data(config: TrainingConfig, cohort: Cohort | None) -> list[Mapping[str, str]]:
    """Return what was trained on, with licences, earlier trainings of the weights included."""
    entries = list(config.model.training_data)
    if config.on_the_fly is not None:
        entries += [_PHANTOMS, *map(_anatomy, config.on_the_fly.anatomies)]
    for manifest in () if cohort is None else cohort.manifests:
        entries += _described(manifest)
    return [entry for at, entry in enumerate(entries) if entry not in entries[:at]]


def _described(manifest: Path) -> Iterator[Mapping[str, str]]:
    """Yield what a manifest's data is, as far as files beside it tell."""
    about, record = manifest.with_name(ABOUT_NAME), manifest.with_name(_SIMULATION_RECORD)
    if about.exists():
        yield {key: str(value) for key, value in _read(about).items()}
    elif record.exists():
        yield _PHANTOMS
        for anatomy in _read(record).get("config", {}).get("anatomies", []):
            yield _anatomy(anatomy)
    else:
        yield {"name": f"{manifest.resolve().parent.name}/{manifest.name}", "licence": "unknown"}


def _anatomy(path: str) -> Mapping[str, str]:
    """Return what an organ label map is, if it is known."""
    stem = Path(path).name.split(".")[0]
    return _ANATOMIES.get(stem, {"name": stem, "licence": "unknown"})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: cannot be read as JSON ({error}); correct or remove it") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: holds no object; give name, what, licence and citation, or remove it")
    return content
