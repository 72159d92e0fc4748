"""Masks of whole lists of clicks, as clients send them that repeat all their clicks with each new one."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from seganypet.errors import PromptError
from seganypet.inference import Session, SessionState
from seganypet.volume import BoolArray

Voxel = tuple[float, float, float]

# States that are kept; each holds some windows' logits.
_KEPT: Final = 32


@dataclass(frozen=True)
class _List:
    """What was asked: the clicks of each side in order, and the mask that they correct."""

    positive: tuple[Voxel, ...] = ()
    negative: tuple[Voxel, ...] = ()
    start: bytes = b""

    def begins(self, other: _List) -> bool:
        """Return whether the other list goes on from this one."""
        return (
            self.start == other.start
            and self.positive == other.positive[: len(self.positive)]
            and self.negative == other.negative[: len(self.negative)]
        )

    @property
    def clicks(self) -> int:
        return len(self.positive) + len(self.negative)


class ClickLists:
    """Answers lists of clicks with a session; one that goes on from an earlier list costs its new clicks alone.

    The two sides come apart, so in which order their clicks were made is known only as far as earlier lists tell it;
    where none does, as after a restart, positive clicks come first.

    Not thread-safe: whoever works with it holds the scan's lock.

    Args:
        session: With its volume; where it is may change with each call.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._states: OrderedDict[_List, SessionState] = OrderedDict()

    def mask(
        self, positive: Sequence[Voxel], negative: Sequence[Voxel], start: BoolArray | None = None
    ) -> BoolArray:
        """Return the mask that clicks lead to, bool [I, J, K].

        Args:
            positive: Voxel coordinates inside the target, in order.
            negative: Likewise outside.
            start: A mask that the clicks correct.

        Raises:
            PromptError: Neither a positive click nor a mask; an empty mask; a click outside the volume.
        """
        if not positive and start is None:
            raise PromptError("no foreground click: the first click says what to segment")
        asked = _List(tuple(positive), tuple(negative), b"" if start is None else _digest(start))
        known = self._go_to_nearest(asked, start)
        for ijk in asked.positive[len(known.positive) :]:
            self._session.add_click(ijk)
            known = self._kept(replace(known, positive=(*known.positive, ijk)))
        for ijk in asked.negative[len(known.negative) :]:
            self._session.add_click(ijk, positive=False)
            known = self._kept(replace(known, negative=(*known.negative, ijk)))
        return self._session.mask.array

    @property
    def expected_dice(self) -> float | None:
        """How good the mask that was just made is likely to be, as of `Session`."""
        return self._session.expected_dice

    def _go_to_nearest(self, asked: _List, start: BoolArray | None) -> _List:
        """Bring the session to the longest list that was answered before and that this one goes on from."""
        earlier = [known for known in self._states if known.begins(asked)]
        if earlier:
            known = max(earlier, key=lambda found: found.clicks)
            self._states.move_to_end(known)
            self._session.go_to(self._states[known])
            return known
        self._session.go_to(SessionState())
        if start is not None:
            self._session.add_mask(self._session.volume.like(start))
        return self._kept(_List(start=asked.start))

    def _kept(self, known: _List) -> _List:
        self._states[known] = self._session.state
        while len(self._states) > _KEPT:
            self._states.popitem(last=False)
        return known


def _digest(mask: BoolArray) -> bytes:
    return hashlib.sha256(np.packbits(mask).tobytes()).digest()
