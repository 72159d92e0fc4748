"""Growth of a target over windows: where they go after a click, what they are told, when they stop."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from seganypet.errors import PromptError, SegAnyPETWarning
from seganypet.inference.boxes import holds_click, seen_from, voxels_in, windows_over
from seganypet.inference.corrections import corrected
from seganypet.inference.predictor import Predictor
from seganypet.inference.prior import Prior
from seganypet.inference.regions import click_seeds, connected_to, stand_in
from seganypet.inference.tiling import (
    LogitBox,
    Logits,
    Start,
    apart,
    box_of,
    holds,
    merge,
    neighbours,
    open_neighbours,
    window_around,
)
from seganypet.preprocessing.cropping import crop_or_pad
from seganypet.preprocessing.orientation import Shape
from seganypet.prompts import Box, Click, largest_component
from seganypet.volume import BoolArray, FloatArray

# More windows than any organ needs (a whole body in windows of 256 mm has about 100): a target that leaks stops here.
_MAX_WINDOWS = 64


@dataclass(frozen=True)
class Evidence:
    """What is known of a target, on the working grid; never changed, so that undo is a step back in a list.

    Attributes:
        placed: Clicks, in order, in voxels of the working grid.
        windows: What the decoder said, at its own resolution, by the window's first voxel.
        prior: Mask given by the reader.
        box: Box given by the reader, in voxels of the working grid.
        trusted: Whether the mask was likely to be good before the newest click.
    """

    placed: tuple[Click, ...] = ()
    windows: Mapping[Start, Tensor] = field(default_factory=dict)
    prior: Prior | None = None
    box: Box | None = None
    trusted: bool = False

    @property
    def grows(self) -> bool:
        """Whether windows are added beyond those of the prompts; not while all positive clicks lie in a box."""
        box = self.box
        return box is None or any(c.positive and not holds_click(box, c) for c in self.placed)


class Growth:
    """Places windows, prompts them, and adds neighbours while the target reaches their faces [P2 Methods].

    Args:
        predictor: Predicts windows of the image.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        i, j, k = predictor.image.shape
        self._shape = (i, j, k)

    def merged(self, state: Evidence) -> Iterator[LogitBox]:
        """Yield the logits of all windows: a box of the working grid for each group that lies apart."""
        for group in apart(state.windows, self._predictor.size):
            windows = {s: low_res for s, low_res in state.windows.items() if s in group}
            yield self._merge(windows, *box_of(windows, self._predictor.size, self._shape), state.prior)

    def target(self, state: Evidence) -> list[LogitBox]:
        """Return the merged logits, negative wherever the prediction is not connected to a prompt."""
        boxes = list(self.merged(state))
        predicted = [box.logits > 0 for box in boxes]
        kept = [connected_to(p, _seeds(box, state)) for p, box in zip(predicted, boxes, strict=True)]
        # Where the prediction misses its own clicks, it is shown rather than nothing.
        if any(k.any() for k in kept):
            for box, p, k in zip(boxes, predicted, kept, strict=True):
                np.negative(box.logits, out=box.logits, where=p & ~k)
        return boxes

    def box(self, box: Box) -> dict[Start, Tensor]:
        """Return the windows that cover a box, decoded from its middle outwards, each shown its part of it.

        Raises:
            PromptError: They are more than any organ needs.
        """
        state, windows = Evidence(box=box), dict[Start, Tensor]()
        cover = windows_over(box, self._predictor.size)
        if len(cover) > _MAX_WINDOWS:
            raise PromptError(
                f"the box takes {len(cover)} windows of {self._predictor.size} voxels a side, more than "
                f"{_MAX_WINDOWS}; draw it close around the target, or click inside the target instead"
            )
        for window in cover:
            clicks, previous = self._prompts(window, windows, state, None)
            seen = seen_from(window, box, self._predictor.size)
            windows[window] = self._predictor.decode(window, clicks, previous, first=True, box=seen)
        return windows

    def click(self, state: Evidence, *, grow: bool = True) -> dict[Start, Tensor]:
        """Return the windows after the newest click: those that hold it decoded again, then grown.

        Args:
            state: With the newest click, and the windows before it.
            grow: Whether neighbours are added while the target reaches the faces of windows.
        """
        windows = dict(state.windows)
        self._spread(self._windows_of(state.placed[-1], windows), {}, windows, state, grow=grow)
        return windows

    def grown(self, state: Evidence) -> dict[Start, Tensor]:
        """Return the windows with the neighbours that the target reaches, and theirs, until it reaches no face."""
        windows, queue, reached = dict(state.windows), deque[Start](), dict[Start, BoolArray]()
        for window in state.windows:
            clicks = self._inside(window, state)
            self._queue(self._neighbours(window, clicks, windows, state), queue, reached)
        self._spread(queue, reached, windows, state, grow=True)
        return windows

    def _spread(
        self,
        first: Sequence[Start],
        reached: dict[Start, BoolArray],
        windows: dict[Start, Tensor],
        state: Evidence,
        *,
        grow: bool,
    ) -> None:
        """Decode windows, and the neighbours that the target reaches in turn, into `windows`.

        Args:
            first: Where to begin; those of a click may be new, or be decoded again.
            reached: What of the target reaches into those that it grew into.
            windows: Those known; changed.
            state: What is known.
            grow: Whether neighbours are added.
        """
        queue, clicked, refused = deque(first), [w for w in first if w not in reached], False
        while queue:
            window = queue.popleft()
            new = window not in windows
            if new and len(windows) >= _MAX_WINDOWS and window not in clicked:
                refused = True
                continue
            clicks, previous = self._prompts(window, windows, state, reached.pop(window, None))
            box = seen_from(window, state.box, self._predictor.size)
            if new and box is None and not any(c.positive for c in clicks):
                continue  # nothing is known here that a negative click could exclude
            decoded = self._predictor.decode(window, clicks, previous, first=new, box=box)
            before = windows.get(window, previous if state.trusted else None)
            windows[window] = self._corrected(before, decoded, window, state)
            if grow and state.grows:
                self._queue(self._neighbours(window, clicks, windows, state), queue, reached)
        if refused:
            warnings.warn(
                f"the target spans more than {_MAX_WINDOWS} windows: growth stopped; exclude with a negative "
                "click, or, if it leaks everywhere, check that unit, weights and scan fit each other",
                SegAnyPETWarning,
                stacklevel=5,
            )

    @staticmethod
    def _queue(
        neighbours: Iterable[tuple[Start, BoolArray]], queue: deque[Start], reached: dict[Start, BoolArray]
    ) -> None:
        """Add neighbours to the queue; what several windows share with one adds up."""
        for neighbour, region in neighbours:
            if neighbour not in queue:
                queue.append(neighbour)
                reached[neighbour] = region
            elif neighbour in reached:
                reached[neighbour] |= region

    def _inside(self, window: Start, state: Evidence) -> list[Click]:
        """Return the clicks inside a window, in its voxels."""
        return [_moved(c, window) for c in state.placed if holds(window, c.ijk, self._predictor.size)]

    def _corrected(self, before: Tensor | None, after: Tensor, window: Start, state: Evidence) -> Tensor:
        """Return the logits of a window that was decoded for the newest click."""
        size = self._predictor.size
        local = self._predictor.model.description.local and holds(window, state.placed[-1].ijk, size)
        if before is None or not local:
            return after
        return corrected(before, after, self._inside(window, state), size, trusted=state.trusted)

    def _windows_of(self, click: Click, windows: Mapping[Start, Tensor]) -> list[Start]:
        """Return the windows that hold a click well inside, or else the nearest one on the windows' lattice."""
        size = self._predictor.size
        held = [w for w in windows if holds(w, click.ijk, size, margin=size / 10)]
        if held:
            return held
        if not windows:
            return [window_around(click.ijk, size)]
        origin, step = next(iter(windows)), size // 2
        i, j, k = (
            o + step * round((c - size / 2 - o) / step) for c, o in zip(click.ijk, origin, strict=True)
        )
        return [(i, j, k)]

    def _prompts(
        self, window: Start, windows: Mapping[Start, Tensor], state: Evidence, reached: BoolArray | None
    ) -> tuple[list[Click], Tensor | None]:
        """Return the clicks inside a window, in its voxels, and the logits so far, None where nothing is known.

        Without a positive click or a box, the middle of what is known of the target stands in for one where it will be
        shown: of the part that is connected to `reached`, if the target grew into the window there.
        """
        clicks = self._inside(window, state)
        own, alone = windows.get(window), list(windows) == [window]
        enough = any(c.positive for c in clicks) or (own is not None and self._shows_newest and bool(clicks))
        # What grew into a window from outside the box is not what the box shows there.
        enough |= reached is None and seen_from(window, state.box, self._predictor.size) is not None
        if alone and enough:
            return clicks, own
        context = self._context(window, windows, state)
        if context is None:
            return clicks, None
        if not enough:
            inside = context > 0
            middle = stand_in(inside if reached is None else connected_to(inside, reached), clicks)
            if middle is not None:
                clicks.insert(0, middle)
        return clicks, own if alone else self._predictor.previous(window, context, own)

    @property
    def _shows_newest(self) -> bool:
        return self._predictor.model.description.prompt_policy == "newest"

    def _neighbours(
        self, window: Start, clicks: Sequence[Click], windows: Mapping[Start, Tensor], state: Evidence
    ) -> Iterator[tuple[Start, BoolArray]]:
        """Yield the new windows that the target, as far as it is connected to the prompts and new, reaches into.

        Each comes with what of the target it shares with this window, bool in its own voxels.
        """
        if all(n in windows for _, _, n in neighbours(window, self._predictor.size, self._shape)):
            return
        context = self._context(window, windows, state)
        if context is None or not self._open(context > 0, window, windows):
            return  # not even unconnected parts reach a face
        if self._shows_newest and not any(c.positive for c in clicks):
            region = largest_component(context > 0)  # that which a stand-in would lie in
        else:
            region = connected_to(context > 0, click_seeds(clicks, (0, 0, 0), context.shape))
        if state.prior is not None:
            region &= state.prior.crop(window, context.shape) <= 0
        for neighbour in self._open(region, window, windows):
            moved = tuple(a - b for a, b in zip(neighbour, window, strict=True))
            yield neighbour, crop_or_pad(region, moved, region.shape)

    def _open(self, region: BoolArray, window: Start, windows: Mapping[Start, Tensor]) -> list[Start]:
        return [n for n in open_neighbours(region, window, self._shape) if n not in windows]

    def _context(self, window: Start, windows: Mapping[Start, Tensor], state: Evidence) -> FloatArray | None:
        """Return the logits known so far inside a window, 0 where nothing is known, or None if nothing is."""
        size = self._predictor.size
        near = {
            s: low_res
            for s, low_res in windows.items()
            if all(abs(a - b) < size for a, b in zip(s, window, strict=True))
        }
        cube = (size, size, size)
        if not near:
            return None if state.prior is None else state.prior.crop(window, cube)
        return self._merge(near, *box_of([window], size, self._shape), state.prior).crop(window, cube)

    def _merge(
        self, windows: Mapping[Start, Tensor], start: Start, size: Shape, prior: Logits | None
    ) -> LogitBox:
        """Return the logits of windows merged on a box; they are brought to the patch's resolution one by one."""
        logits = ((s, self._predictor.logits(low_res)) for s, low_res in windows.items())
        return merge(logits, start, size, prior)


def _seeds(box: LogitBox, state: Evidence) -> BoolArray:
    """Return the voxels of a box that prompts say are inside: those around positive clicks, and a given mask or box."""
    seeds = click_seeds(state.placed, box.start, box.logits.shape)
    if state.prior is not None:
        seeds |= state.prior.crop(box.start, box.logits.shape) > 0
    if state.box is not None:
        seeds[voxels_in(state.box, box.start, box.logits.shape)] = True
    return seeds


def _moved(click: Click, start: Start) -> Click:
    """Return a click of the working grid in voxels of a window."""
    i, j, k = (c - s for c, s in zip(click.ijk, start, strict=True))
    return Click((i, j, k), click.positive)
