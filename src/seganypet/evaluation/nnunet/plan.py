"""nnU-Net's fingerprint, plans and preprocessing of an exported cohort, changed as the settings want."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from seganypet.evaluation.nnunet.export import DATASET, ENDING, Cohort, OnCase
from seganypet.evaluation.nnunet.fingerprint import write_fingerprint
from seganypet.evaluation.nnunet.settings import Settings, legal_patch
from seganypet.io import write_json
from seganypet.io.side_by_side import side_by_side

CONFIGURATION: Final = "3d_fullres"
PLANS: Final = "nnUNetPlans.json"
# nnU-Net halves an axis while at least twice as many voxels are left.
_FEWEST_VOXELS: Final = 4
_UNLIMITED: Final = 999999


def plan(cohort: Cohort, settings: Settings, raw: Path, preprocessed: Path, *, jobs: int) -> dict[str, Any]:
    """Return nnU-Net's plans for the exported cohort, changed as the settings want; write them.

    Inside `framework` only.

    Args:
        cohort: What was exported.
        settings: Patch, batch, spacing, width and normalisation; what is None stays nnU-Net's choice.
        raw: nnU-Net's folder of raw data sets.
        preprocessed: Its folder of preprocessed ones.
        jobs: Processes side by side.
    """
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner

    folder = preprocessed / DATASET
    shutil.rmtree(folder, ignore_errors=True)  # nnU-Net keeps what it finds
    write_fingerprint((*cohort.training, *cohort.validation), raw / DATASET, folder, jobs=jobs)
    spacing = None if settings.spacing_mm is None else [float(mm) for mm in reversed(settings.spacing_mm)]
    plans: dict[str, Any] = ExperimentPlanner(DATASET, overwrite_target_spacing=spacing).plan_experiment()
    _change(plans["configurations"][CONFIGURATION], settings, plans["transpose_forward"])
    write_json(plans, folder / PLANS)
    if cohort.validation:
        split = {"train": sorted(cohort.training), "val": sorted(cohort.validation)}
        write_json([split], folder / "splits_final.json")
    return plans


def fold_of(cohort: Cohort) -> int | str:
    """Return nnU-Net's name of the split: our only one, or "all" where nothing was set apart to watch."""
    return 0 if cohort.validation else "all"


def preprocess(
    cohort: Cohort, raw: Path, preprocessed: Path, *, jobs: int, on_case: OnCase | None = None
) -> None:
    """Preprocess all cases with labels by the plans that lie there.

    Inside `framework` only.
    """
    folder = preprocessed / DATASET
    places = (raw / DATASET, folder)
    work = [(name, *places) for name in (*cohort.training, *cohort.validation)]
    for done, _ in enumerate(side_by_side(_preprocess_case, work, jobs, called="preprocess"), start=1):
        if on_case:
            on_case(done, len(work))


def _change(configuration: dict[str, Any], settings: Settings, transpose: Sequence[int]) -> None:
    """Put our settings into nnU-Net's configuration, whose axes are k, j, i, transposed."""
    patch = configuration["patch_size"]
    if settings.patch is not None:
        backwards = settings.patch[::-1]
        patch = [backwards[axis] for axis in transpose]
    patch = legal_patch(settings.network, patch)
    if settings.network == "nnunet":
        patch = _adapt_network(configuration, patch, settings.channels)
    configuration["patch_size"] = [int(n) for n in patch]
    if settings.batch is not None:
        configuration["batch_size"] = settings.batch
    if settings.normalisation == "cohort":
        # It clips and scales by the cohort's statistics; nothing in it is CT's.
        configuration["normalization_schemes"] = ["CTNormalization"]


def _adapt_network(configuration: dict[str, Any], patch: Sequence[int], width: int) -> list[int]:
    """Let nnU-Net fit its network to a patch; return the patch, rounded up to what the network can halve."""
    from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props

    _, strides, kernels, fitting, _ = get_pool_and_conv_props(
        configuration["spacing"], patch, _FEWEST_VOXELS, _UNLIMITED
    )
    architecture = configuration["architecture"]["arch_kwargs"]
    stages = len(strides)
    architecture.update(
        n_stages=stages,
        strides=[[int(n) for n in stride] for stride in strides],
        kernel_sizes=[[int(n) for n in kernel] for kernel in kernels],
        features_per_stage=[min(10 * width, width * 2**stage) for stage in range(stages)],
        n_conv_per_stage=[2] * stages,
        n_conv_per_stage_decoder=[2] * (stages - 1),
    )
    return [int(n) for n in fitting]


def _preprocess_case(name: str, raw: Path, preprocessed: Path) -> None:
    from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = PlansManager(json.loads((preprocessed / PLANS).read_text(encoding="utf-8")))
    configuration = plans.get_configuration(CONFIGURATION)
    folder = preprocessed / configuration.data_identifier
    folder.mkdir(exist_ok=True)
    DefaultPreprocessor(verbose=False).run_case_save(
        str(folder / name),
        [str(raw / "imagesTr" / f"{name}_0000{ENDING}")],
        str(raw / "labelsTr" / f"{name}{ENDING}"),
        plans,
        configuration,
        json.loads((raw / "dataset.json").read_text(encoding="utf-8")),
    )
