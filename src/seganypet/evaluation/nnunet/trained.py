"""A network that was trained as a baseline, on any scan."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import MethodError, SegAnyPETError
from seganypet.evaluation.nnunet.environment import framework, require_framework
from seganypet.evaluation.nnunet.export import upright, write_upright
from seganypet.evaluation.nnunet.predict import Predictor
from seganypet.evaluation.nnunet.run import WORK_NAME, checkpoint_of, settings_of, trainer_of
from seganypet.io import read_labels
from seganypet.io.manifest import LABELS_NAME
from seganypet.models.device import device_named
from seganypet.volume import Volume

_RESULTS = "results"


class TrainedNetwork:
    """The network of a folder that `run_baseline` has finished.

    Args:
        folder: The folder.
        device: "auto", "cpu" or "cuda".

    Attributes:
        targets: Ids of each target in its label maps.

    Raises:
        MethodError: It is no finished baseline, or a library is missing.
    """

    def __init__(self, folder: Path, device: str) -> None:
        if not (folder / LABELS_NAME).exists():  # the last file that a baseline writes
            raise MethodError(
                f"{folder}: holds no baseline that has ended; run seganypet baseline to its end"
            )
        try:
            settings, self.targets = settings_of(folder), read_labels(folder / LABELS_NAME)
        except SegAnyPETError as error:
            raise MethodError(str(error)) from error
        require_framework(settings.network)
        self._work = (folder / WORK_NAME).absolute()
        fold: int | str = "all" if any((self._work / _RESULTS).rglob("fold_all")) else 0
        with self._framework():
            trainer = trainer_of(self._work, settings, self.targets, fold, str(device_named(device)))
            if not checkpoint_of(trainer, "final").exists():
                raise MethodError(f"{folder}: its training has not ended; run seganypet baseline to its end")
            self._predictor = Predictor(trainer)

    def label_map(self, volume: Volume) -> npt.NDArray[np.integer[Any]]:
        """Return the classes of a scan, [I, J, K] on its grid."""
        with tempfile.TemporaryDirectory(prefix="seganypet-") as place:
            image = Path(place) / "case_0000.nii.gz"
            write_upright(volume, image)
            with self._framework():
                classes = self._predictor.label_map(image)
        found: npt.NDArray[np.integer[Any]] = upright(volume).invert(classes)
        return found

    def _framework(self) -> Any:
        return framework(self._work, workers=0, seed=0)
