"""On real tumours our figures are those of MONAI's own metrics, as far as the two define the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.metrics.hausdorff_distance import HausdorffDistanceMetric
from monai.metrics.meandice import DiceMetric
from monai.metrics.surface_dice import SurfaceDiceMetric

from seganypet.evaluation.metrics import agreement
from seganypet.io import read_volume
from seganypet.io.label_map import read_label_map

TUMOURS = ("STS_002", "STS_008", "STS_015", "STS_017")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("tumour", TUMOURS)
def test_figures_of_a_threshold_are_those_of_monai(shared_data: Path, tumour: str):
    volume = read_volume(shared_data / "sts_crops" / tumour / "pet_suv.nii.gz")
    reference = read_label_map(shared_data / "sts_crops" / tumour / "gtv_mass.nii.gz", like=volume) > 0
    prediction = (volume.array >= 0.41 * volume.array[reference].max()) & reference
    found = agreement(prediction, reference, volume)
    ours, theirs = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (prediction, reference))
    spacing = list(volume.spacing_mm)
    assert found.dsc == pytest.approx(float(DiceMetric()(ours, theirs)), abs=1e-6)
    hausdorff = HausdorffDistanceMetric(include_background=True, percentile=95)
    # MONAI measures between centres of voxels, surface-distance between pieces of surface: a voxel apart at most.
    assert found.hd95_mm == pytest.approx(float(hausdorff(ours, theirs, spacing=spacing)), abs=max(spacing))
    surface_dice = SurfaceDiceMetric([1.0], include_background=True)
    assert found.nsd_monai == pytest.approx(float(surface_dice(ours, theirs, spacing=spacing)), abs=0.01)
    assert found.nsd > found.nsd_monai
