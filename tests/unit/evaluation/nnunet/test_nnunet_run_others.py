"""The other networks within nnU-Net: one epoch each of a few voxels, without cases to watch."""

import json

import numpy as np
import pytest

import small_cohorts as cohorts
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.predictions import predictions
from seganypet.evaluation.nnunet.run import BaselineOptions, run_baseline
from seganypet.evaluation.nnunet.settings import Settings
from seganypet.io import read_volume

SHORT = {"optimizer": "adamw", "learning_rate": 1e-3, "normalisation": "cohort", "augmentation": False}


@pytest.mark.parametrize(("network", "width", "more"), [("stunet", 4, {}), ("segresnet", 8, SHORT)])
def test_from_a_manifest_to_masks(network, width, more, tmp_path):
    rows = [
        cohorts.row(tmp_path / "cohort", f"case {n}", seed=n, split=split)
        for n, split in enumerate(("", "train", "test"))
    ]
    settings = Settings(
        network=network,
        targets=("lesion",),
        epochs=1,
        iterations=2,
        patch=(16, 16, 16),
        batch=1,
        width=width,
        spacing_mm=(5.0, 5.0, 5.0),
        **more,
    )
    folder = tmp_path / "out"
    manifest = cohorts.write(tmp_path / "cohort", *rows)
    steps = run_baseline(manifest, folder, settings, BaselineOptions(device="cpu"))["steps"]
    assert (steps["plan"]["patch_size"], steps["plan"]["spacing"]) == ([16, 16, 16], [5, 5, 5])
    assert (steps["train"]["iterations"], steps["train"]["mirroring"]) == (2, True)
    assert json.loads((folder / "labels.json").read_text()) == {"lesion": [1]}
    method = predictions(folder)
    method.start(Scan(case="case 2", volume=read_volume(rows[2].image)))
    mask = method.restart("lesions")
    assert mask.shape == cohorts.SHAPE
    assert mask.dtype == np.bool_
