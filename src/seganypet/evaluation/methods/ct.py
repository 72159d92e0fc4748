"""The CT route: the CT of a PET/CT is registered to the PET and segmented in its place [P1 Table 7]."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from seganypet.errors import MethodError, SegAnyPETError, SegAnyPETWarning, WeightsError
from seganypet.evaluation.methods.ct_registration import AIR_HU, Registration, register
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.external import command_of, run_command
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.inference import Session
from seganypet.io.nifti import NiftiImage, load_nifti
from seganypet.models.model import SegmentationModel
from seganypet.models.weights import load_model
from seganypet.prompts import Click
from seganypet.volume import BoolArray, FloatArray, Volume

_TIMEOUT_S: Final = 7200.0
# The promptable model's authors clamp CT to this.
_HIGHEST_HU: Final = 1000.0
# 1,000 HU become 4, so that the lowest, -1,000 HU, is no less than a volume may hold.
_HU_PER_UNIT: Final = 250.0

PARTS: Final[Mapping[str, Sequence[str]]] = {
    "lung_left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "lung_right": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
}
"""Targets that TotalSegmentator knows in parts; the others have its names."""


class CtSegmenter:
    """A program that segments the CT; its masks are moved onto the PET's grid, nearest neighbour.

    It is run once a scan, on the CT as it is, with `-i CT.nii.gz -o FOLDER` added to its arguments, as TotalSegmentator
    takes them, and writes FOLDER/NAME.nii.gz of each organ. (P1 registers the CT first and segments it on the PET's
    grid; here it keeps its resolution until the masks are there.)

    Args:
        command: The program and its arguments, as in a shell.
        timeout_s: After so long a run has failed.

    Raises:
        MethodError: The command is empty, cannot be parsed, or names no program.
    """

    prompting: Prompting = "target"

    def __init__(self, command: str, *, timeout_s: float = _TIMEOUT_S) -> None:
        self._command = command_of(command)
        self._timeout_s = timeout_s

    def start(self, scan: Scan) -> None:
        """Register and segment the CT of a scan.

        Raises:
            MethodError: There is no CT, it cannot be registered, or the program failed.
        """
        ct = read_ct(scan)
        self._registration = register(scan.volume, ct.array, ct.affine)
        self._folder = tempfile.TemporaryDirectory(prefix="seganypet-")
        run_command(
            [*self._command, "-i", ct.source.path, "-o", self._folder.name], timeout_s=self._timeout_s
        )

    def restart(self, target: str) -> BoolArray:
        """Return the mask of a target.

        Raises:
            MethodError: The program has not written it, or no mask.
        """
        masks = [self._part(name) for name in PARTS.get(target, (target,))]
        whole: BoolArray = np.logical_or.reduce(masks)
        return whole

    def click(self, click: Click) -> BoolArray:
        """Refuse: it is told the target's name."""
        raise MethodError(f"{self._command[0]}: is told the target's name and takes no clicks")

    def _part(self, name: str) -> BoolArray:
        """Return the mask of one of the program's organs on the PET's grid."""
        path = Path(self._folder.name) / f"{name}.nii.gz"
        if not path.is_file():
            known = ", ".join(sorted(p.name.removesuffix(".nii.gz") for p in path.parent.glob("*.nii.gz")))
            raise MethodError(
                f"{self._command[0]}: wrote no {path.name}; leave the target out (it wrote {known or 'nothing'})"
            )
        try:
            image = load_nifti(path)
        except SegAnyPETError as error:
            raise MethodError(f"{self._command[0]}: its mask cannot be used: {error}") from error
        return self._registration.mask(image.array, image.affine)


class CtSession:
    """A promptable model on the registered CT, resampled to the PET's grid, so that clicks are where they were.

    Args:
        model: What `load_model` returns, trained with CT.

    Raises:
        MethodError: It was trained to see SUV.
    """

    prompting: Prompting = "clicks"

    def __init__(self, model: SegmentationModel) -> None:
        if model.description.normalisation != "zscore_positive":
            raise MethodError(
                f'weights "{model.description.name}" expect SUV ({model.description.normalisation}), and a CT has '
                "none; give weights that were trained with CT, as SAM-Med3D's"
            )
        self._session = Session(model)

    def start(self, scan: Scan) -> None:
        """Register the CT of a scan and take it; forget all clicks.

        Raises:
            MethodError: There is no CT, or it cannot be registered.
        """
        ct = read_ct(scan)
        registration = register(scan.volume, ct.array, ct.affine)
        self._session.set_volume(as_volume(registration, ct))

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan and its embeddings; return an empty mask."""
        return self._session.reset().array

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click."""
        return self._session.add_click(click.ijk, positive=click.positive).array


def read_ct(scan: Scan) -> NiftiImage:
    """Return the CT of a scan, in HU.

    Raises:
        MethodError: There is none, it cannot be read, or it holds no HU.
    """
    if scan.ct is None:
        raise MethodError(
            f"case {scan.case!r} has no CT; name it in the manifest's column `ct`, or leave this out"
        )
    try:
        image = load_nifti(scan.ct)
    except SegAnyPETError as error:
        raise MethodError(str(error)) from error
    if not np.isfinite(image.array).all() or float(image.array.min()) > -200:
        raise MethodError(f"{scan.ct}: holds no air or no numbers; expected a CT in HU")
    return image


def as_volume(registration: Registration, ct: NiftiImage) -> Volume:
    """Return a CT on the PET's grid, as networks that standardise what is above 0 may see it.

    -1,000 to 1,000 HU become -4 to 4. That scale drops out when a patch is standardised; there is no shift, which would
    not: voxels above 0 HU have to stay those above 0, of which mean and deviation are taken.
    """
    hu = np.clip(registration.image(ct.array, ct.affine), AIR_HU, _HIGHEST_HU)
    scaled: FloatArray = (hu / np.float32(_HU_PER_UNIT)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SegAnyPETWarning)  # of values below 0, which HU has
        try:
            return Volume(scaled, registration.volume.affine)
        except SegAnyPETError as error:
            raise MethodError(f"{ct.source.path}: nothing of it lies where the PET is ({error})") from error


def _session(argument: str, options: Options) -> CtSession:
    try:
        return CtSession(load_model(argument, device=options.device, precision=options.precision))
    except WeightsError as error:
        raise MethodError(str(error)) from error


ENTRIES = {
    "ct_totalsegmentator": Entry(
        title="TotalSegmentator on CT",
        build=lambda argument, options: CtSegmenter(argument),
        argument="COMMAND",
        prompt="auto",
        licence="code Apache-2.0; of some of its tasks, weights need a licence",
        get='pip install "seganypet[compare]"; install TotalSegmentator where you like and give its command',
        tested="registration, and a program of ours in TotalSegmentator's place, which itself has not been run",
        published=("TotalSegmentator on registered CT",),
    ),
    "ct_weights": Entry(
        title="SAM-Med3D on CT",
        build=_session,
        argument="FILE",
        prompt="1 point",
        licence="code Apache-2.0; its weights' is not stated",
        get='pip install "seganypet[compare]"; SAM-Med3D\'s checkpoint (turbo) from its authors',
        tested="whole, with networks of ours; the released weights have not been run",
        published=("SAM-Med3D-turbo on registered CT",),
    ),
}
