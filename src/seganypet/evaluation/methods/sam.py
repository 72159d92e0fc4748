"""SAM and MedSAM, slice by slice: all clicks of an axial slice prompt that slice [P1 §4, P2 Methods]."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from seganypet.analysis.views import Hanging
from seganypet.evaluation.methods.axial_slices import AxialView, Picture, Window
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.evaluation.methods.sam_network import MEDSAM, SAM, Custom, Embedding, Found, Point, load_sam
from seganypet.prompts import Click
from seganypet.volume import BoolArray

# Embeddings kept; SAM's are 4 MiB each. More than the slices of the longest organs, or none would be met again.
_KEPT: Final = 256


class SliceNetwork(Protocol):
    """What segments one picture; see `SamNetwork`."""

    def encode(self, picture: Picture, pixel_mm: tuple[float, float]) -> Embedding:
        """Return the embedding of a picture."""

    def decode(self, embedding: Embedding, points: list[Point], before: Found | None) -> Found:
        """Return the mask of all points together, and of what came before."""


class SliceMethod:
    """A network in 2D that segments a volume slice by slice.

    A click prompts its axial slice together with the clicks that are there already, and the answer replaces the mask
    of that slice. Slices are shown in 8 bits from the 0.5th to the 99.5th percentile of the scan's SUV above 0, front
    up, the patient's left on the right.

    Args:
        network: What segments a slice.
        kept: Number of slices whose embeddings are kept, those last used.
    """

    prompting: Prompting = "slice_clicks"
    _mask: BoolArray

    def __init__(self, network: SliceNetwork, *, kept: int = _KEPT) -> None:
        self._network = network
        self._kept = kept

    def start(self, scan: Scan) -> None:
        """Take a scan; forget all clicks."""
        self._volume = scan.volume
        self._view = AxialView(Hanging.of(scan.volume))
        self._window = Window.of(scan.volume.array)
        self._embeddings: OrderedDict[int, Embedding] = OrderedDict()
        self._forget()

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan and embeddings of its slices; return an empty mask."""
        return self._forget()

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click, which changes its slice alone."""
        number = self._view.number(click.ijk)
        points = self._points.setdefault(number, [])
        points.append((*self._view.point(click.ijk), click.positive))
        found = self._network.decode(self._embedding(number), points, self._found.get(number))
        self._found[number] = found
        mask = self._mask.copy()  # who asked for the last one may have kept it
        self._view.paste(mask, number, found.mask)
        self._mask = mask
        return mask

    def _forget(self) -> BoolArray:
        self._points: dict[int, list[Point]] = {}
        self._found: dict[int, Found] = {}
        self._mask = np.zeros(self._volume.shape, dtype=np.bool_)
        return self._mask

    def _embedding(self, number: int) -> Embedding:
        """Return the embedding of a slice, computed where it is not kept."""
        if number in self._embeddings:
            self._embeddings.move_to_end(number)
            return self._embeddings[number]
        picture = self._window.picture(self._view.cut(self._volume.array, number))
        embedding = self._network.encode(picture, self._view.pixel_mm)
        self._embeddings[number] = embedding
        if len(self._embeddings) > self._kept:
            self._embeddings.popitem(last=False)
        return embedding


def _built(argument: str, options: Options, custom: Custom) -> SliceMethod:
    return SliceMethod(load_sam(Path(argument), custom, options.device))


ENTRIES = {
    "sam": Entry(
        title="SAM",
        build=lambda argument, options: _built(argument, options, SAM),
        argument="FOLDER",
        prompt="N points",
        licence="Apache-2.0, weights too",
        get='pip install "seganypet[compare]"; download facebook/sam-vit-base, -large or -huge from Hugging Face',
        tested="whole, with random weights of a small SAM; the released weights have not been run",
        published=("SAM",),
    ),
    "medsam": Entry(
        title="MedSAM",
        build=lambda argument, options: _built(argument, options, MEDSAM),
        argument="FOLDER",
        prompt="N points",
        licence="Apache-2.0 (its repository)",
        get='pip install "seganypet[compare]"; download wanglab/medsam-vit-base from Hugging Face',
        tested="whole, with random weights of a small SAM; the released weights, trained with boxes, have not been run",
        published=("MedSAM",),
    ),
}
