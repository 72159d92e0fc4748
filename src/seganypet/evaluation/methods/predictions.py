"""Masks that any other system has written, one label map a case; and networks that were trained for a cohort."""

from __future__ import annotations

from pathlib import Path

from seganypet.errors import ManifestError, MethodError, SegAnyPETError
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.named import LabelMap, LabelMapMethod
from seganypet.io import read_labels
from seganypet.io.label_map import read_label_map
from seganypet.io.manifest import LABELS_NAME


def predictions(folder: Path) -> LabelMapMethod:
    """Return the masks of a folder with CASE.nii.gz, label maps on the PETs' grids, and labels.json, {name: [ids]}.

    Raises:
        MethodError: It is no folder, or its labels.json cannot be used.
    """
    if not folder.is_dir():
        raise MethodError(f"{folder}: no such folder; expected CASE.nii.gz of every case and {LABELS_NAME}")
    if not (folder / LABELS_NAME).exists():
        raise MethodError(
            f'{folder / LABELS_NAME}: is not there; write {{"liver": [5], …}}, the ids in the masks of this folder'
        )
    try:
        labels = read_labels(folder / LABELS_NAME)
    except ManifestError as error:
        raise MethodError(str(error)) from error

    def read(scan: Scan) -> LabelMap:
        try:
            return read_label_map(folder / f"{scan.case}.nii.gz", like=scan.volume)
        except SegAnyPETError as error:
            raise MethodError(str(error)) from error

    return LabelMapMethod(str(folder), labels, read)


def baseline(folder: Path, device: str) -> LabelMapMethod:
    """Return the network that `seganypet baseline` has trained, at work on each scan.

    Raises:
        MethodError: The folder is no finished baseline, or a library is missing.
    """
    from seganypet.evaluation.nnunet.trained import TrainedNetwork

    network = TrainedNetwork(folder, device)
    return LabelMapMethod(str(folder), network.targets, lambda scan: network.label_map(scan.volume))


def _predictions(argument: str, options: Options) -> LabelMapMethod:
    return predictions(Path(argument))


def _baseline(argument: str, options: Options) -> LabelMapMethod:
    return baseline(Path(argument), options.device)


ENTRIES = {
    "baseline": Entry(
        title="network trained for the cohort",
        build=_baseline,
        argument="FOLDER",
        prompt="auto",
        licence="Apache-2.0 (nnU-Net, MONAI)",
        get='pip install "seganypet[compare]"; seganypet baseline nnunet, stunet, segresnet or swinunetr -o FOLDER',
        tested="whole, all four networks, with small budgets",
        published=("nnUNet", "STUNet", "SegResNet", "SwinUNETR"),
        told_by=("baseline.json", LABELS_NAME),
    ),
    "predictions": Entry(
        title="masks from files",
        build=_predictions,
        argument="FOLDER",
        prompt="auto",
        licence="that of the system",
        get="write FOLDER/CASE.nii.gz, label maps on the PETs' grids, and FOLDER/labels.json",
        tested="whole",
    ),
}
