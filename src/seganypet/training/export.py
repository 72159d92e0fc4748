"""From a training run to weights that describe themselves."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from seganypet.models.model import ModelDescription
from seganypet.models.weights import save_weights
from seganypet.training.loop import State, TrainingConfig
from seganypet.training.recipes import TRAINING_TUMOURS

_PHANTOMS = {
    "name": "SegAnyPET phantom",
    "what": "simulated whole-body PET: procedural bodies; FDG, PSMA and random uptake; lesions",
    "licence": "Apache-2.0 (made by this package)",
}
_TUMOURS = {
    "name": "Soft-tissue-Sarcoma (TCIA), crops of the IBSI validation set",
    "what": f"real FDG PET around a tumour, patients {TRAINING_TUMOURS[0]} to {TRAINING_TUMOURS[-1]}",
    "licence": "CC BY 3.0",
    "citation": "Vallières M. et al. 2015, DOI 10.7937/K9/TCIA.2015.7GO2GSKS and 10.1088/0031-9155/60/14/5471; "
    "Clark K. et al. 2013, DOI 10.1007/s10278-013-9622-7",
}


def export_weights(
    state: State,
    config: TrainingConfig,
    phantoms: Path,
    real: Path | None,
    path: Path,
    *,
    name: str = "default",
) -> ModelDescription:
    """Write the averaged weights of a run, and their description beside them.

    Args:
        state: What `train` returned.
        config: The recipe it was trained by.
        phantoms: Folder of the simulated cases.
        real: Folder of the real ones, or None.
        path: Where to write; ends in `.safetensors`.
        name: What the weights are called.
    """
    counts = {"simulated_cases": len(list(phantoms.glob("*/case.json")))}
    counts |= {"real_tumours": len(list(real.glob("*/case.json"))) if real else 0}
    description = ModelDescription(
        name=name,
        architecture="compact",
        config=asdict(config.architecture),
        spacing_mm=4.0,
        normalisation="log1p",
        prompt_policy="all",
        licence="Apache-2.0",
        training_data=[_PHANTOMS, _TUMOURS] if real else [_PHANTOMS],
        training={
            "recipe": "compact",
            "steps": state.step,
            "minutes": round(state.seconds / 60, 1),
            **counts,
            "config": asdict(config),
        },
        date=datetime.now(UTC).date().isoformat(),
    )
    return save_weights(state.average, description, path)
