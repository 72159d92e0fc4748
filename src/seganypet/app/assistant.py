"""The model's answer to a click in a reading: one session of a scan serves all objects and all readers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

from seganypet.app.changes import ObjectMask
from seganypet.app.click_lists import ClickLists
from seganypet.app.history import BOX, Action, click_of, since_last_edit
from seganypet.app.reading import Reading
from seganypet.inference import Session, SessionState
from seganypet.models.model import SegmentationModel
from seganypet.prompts import Box, Click
from seganypet.volume import BoolArray, Volume

# States that are kept, so that the next click need not repeat those before; each holds some windows' logits.
_KEPT: Final = 64


class Assistant:
    """A session on a scan, and where it was after the latest actions of each object.

    Not thread-safe: whoever works with it holds the scan's lock.

    Args:
        model: What `load_model` returns.
        volume: In SUVbw, on the grid that readings count voxels on.

    Attributes:
        lists: Answers clicks that belong to no reading, with the same session.
    """

    def __init__(self, model: SegmentationModel, volume: Volume) -> None:
        self._session = Session(model)
        self._session.set_volume(volume)
        self._states: OrderedDict[int, SessionState] = OrderedDict()
        self.lists = ClickLists(self._session)

    def click(self, reading: Reading, object_id: int, click: Click) -> BoolArray:
        """Return the mask of an object after one more click; call `remember` once it is stored.

        Args:
            reading: Of this scan.
            object_id: Of the object.
            click: In voxels of the reading's grid.

        Raises:
            PromptError: The click is outside the volume, or a negative one comes first.
        """
        self._resume(reading, object_id)
        return self._session.add_click(click.ijk, click.positive).array

    def box(self, box: Box) -> BoolArray:
        """Return the mask of an object that is started anew from a box; call `remember` once it is stored.

        Raises:
            PromptError: As for `Session.add_box`.
        """
        self._session.go_to(SessionState())
        return self._session.add_box(box.ijk_min, box.ijk_max).array

    @property
    def expected_dice(self) -> float | None:
        """How good the mask that was just made is likely to be, as of `Session`."""
        return self._session.expected_dice

    def remember(self, action: Action) -> None:
        """Keep where the session is as what an action led to."""
        self._states[action.id] = self._session.state
        while len(self._states) > _KEPT:
            self._states.popitem(last=False)

    def uncertainty(self, reading: Reading, object_id: int) -> np.ndarray:
        """Return the entropy of an object's probability, float32 [I, J, K], in nats; see `Session.uncertainty`."""
        self._resume(reading, object_id)
        return self._session.uncertainty

    def _resume(self, reading: Reading, object_id: int) -> None:
        """Bring the session to where an object's actions left it."""
        edit, prompts = since_last_edit(reading.actions, object_id)
        newest = prompts[-1] if prompts else None
        if newest is not None and newest.id in self._states:
            self._states.move_to_end(newest.id)
            self._session.go_to(self._states[newest.id])
            return
        self._session.go_to(SessionState())
        mask = reading.mask(object_id)
        self._start_from(_before(mask, prompts) if edit is not None else None)
        for action in prompts:
            self._repeat(action)
        shown = mask.array()
        if not np.array_equal(self._session.mask.array, shown):
            # Other weights, or another machine's rounding: what the reader sees is what is corrected.
            self._session.go_to(SessionState())
            self._start_from(shown)
        if newest is not None:
            self.remember(newest)

    def _start_from(self, mask: BoolArray | None) -> None:
        if mask is not None and mask.any():
            self._session.add_mask(self._session.volume.like(mask))

    def _repeat(self, action: Action) -> None:
        if action.kind == BOX:
            self._session.add_box(action.details["ijk_min"], action.details["ijk_max"])
            return
        click = click_of(action)
        self._session.add_click(click.ijk, click.positive)


def _before(mask: ObjectMask, prompts: Sequence[Action]) -> BoolArray:
    """Return an object's mask before some of its latest actions."""
    array = mask.array()
    for action in prompts:
        if action.change is not None:
            array[action.change.slices] ^= action.change.flipped
    return array
