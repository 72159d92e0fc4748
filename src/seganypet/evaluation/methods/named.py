"""Label maps as methods: the mask of a target is where the map has the target's ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seganypet.errors import MethodError
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.prompts import Click
from seganypet.targets import LESION, LESIONS
from seganypet.volume import BoolArray

LabelMap = npt.NDArray[np.integer[Any]]


class LabelMapMethod:
    """A system that gives a label map of a scan, and is then told the target's name.

    All lesions together are what its labels call "lesion"; one lesion of several cannot be told from the others.

    Args:
        name: Of the system, for messages.
        labels: Ids of each target in its maps.
        label_map: Returns the map [I, J, K] of a scan, on the scan's grid; may raise `MethodError`.
    """

    prompting: Prompting = "target"

    def __init__(
        self, name: str, labels: Mapping[str, Sequence[int]], label_map: Callable[[Scan], LabelMap]
    ) -> None:
        self._name, self._labels, self._label_map = name, labels, label_map

    def start(self, scan: Scan) -> None:
        """Get the label map of a scan.

        Raises:
            MethodError: There is none.
        """
        self._map = self._label_map(scan)

    def restart(self, target: str) -> BoolArray:
        """Return the mask of a target.

        Raises:
            MethodError: The system does not know it.
        """
        name = LESION if target == LESIONS else target
        if target == LESION or name not in self._labels:
            known = ", ".join(LESIONS if n == LESION else n for n in self._labels)
            raise MethodError(f"{self._name}: target {target!r} is not among {known}")
        return np.isin(self._map, self._labels[name])

    def click(self, click: Click) -> BoolArray:
        """Refuse: it is told the target's name."""
        raise MethodError(f"{self._name}: its masks cannot be corrected by clicks")
