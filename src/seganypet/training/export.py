"""From a training run to weights that describe themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from seganypet.models.model import ModelDescription
from seganypet.models.presets import PRESETS
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


# Licences of the label maps that training bodies were made of, where the package knows them.
_ANATOMIES = {
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
    state: State,
    config: TrainingConfig,
    phantoms: Path | None,
    real: Path | None,
    anatomies: Sequence[Path],
    path: Path,
    *,
    name: str = "default",
) -> ModelDescription:
    """Write the averaged weights of a run, and their description beside them.

    Args:
        state: What `train` returned.
        config: The recipe it was trained by.
        phantoms: Folder of the simulated cases; None where they were simulated on the fly.
        real: Folder of the real ones, or None.
        anatomies: Label maps that some of the simulated bodies were made of.
        path: Where to write; ends in `.safetensors`.
        name: What the weights are called.
    """
    counts = {
        name: len(list(folder.glob("*/case.json"))) if folder else 0
        for name, folder in (("simulated_cases", phantoms), ("real_tumours", real))
    }
    stems = [anatomy.name.split(".")[0] for anatomy in anatomies]
    data = [_PHANTOMS, *(_ANATOMIES.get(s, {"name": s, "licence": "unknown"}) for s in stems)]
    description = replace(
        PRESETS["compact"],
        name=name,
        config=asdict(config.architecture),
        licence="Apache-2.0",
        training_data=[*data, _TUMOURS] if real else data,
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
