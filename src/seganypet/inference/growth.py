"""Growth of a target over windows: where they go after a click, what they are told, when they stop."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from seganypet.errors import SegAnyPETWarning
from seganypet.inference.predictor import Decoded, Predictor
from seganypet.inference.tiling import LogitBox, Start, holds, merge, open_neighbours, window_around
from seganypet.preprocessing.cropping import crop_or_pad
from seganypet.prompts import Click, deepest_voxel, largest_component
from seganypet.volume import BoolArray, FloatArray

# More windows than any organ needs (a whole body at 4 mm has about 100): a target that leaks stops here.
_MAX_WINDOWS = 64


@dataclass(frozen=True)
class Evidence:
    """What is known of a target, on the working grid; never changed, so that undo is a step back in a list.

    Attributes:
        placed: Clicks, in order, in voxels of the working grid.
        windows: What the decoder said, by the window's first voxel.
        prior_logits: Mask given by the reader, as logits on the whole working grid.
    """

    placed: tuple[Click, ...] = ()
    windows: Mapping[Start, Decoded] = field(default_factory=dict)
    prior_logits: FloatArray | None = None


class Growth:
    """Places windows, prompts them, and adds neighbours while the target reaches their faces [P2 Methods].

    Args:
        predictor: Predicts windows of the image.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        i, j, k = predictor.image.shape
        self._shape = (i, j, k)

    def merged(self, state: Evidence) -> LogitBox:
        """Return the logits of all windows on one box of the working grid."""
        return merge({s: d.logits for s, d in state.windows.items()}, self._shape, state.prior_logits)

    def target(self, state: Evidence) -> LogitBox:
        """Return the merged logits, negative wherever the prediction is not connected to a prompt."""
        merged = self.merged(state)
        seeds = click_seeds(state.placed, merged.start, merged.logits.shape)
        if state.prior_logits is not None:
            seeds |= crop_or_pad(state.prior_logits, merged.start, merged.logits.shape) > 0
        kept = connected_to(merged.logits > 0, seeds)
        if not kept.any():  # the prediction misses its own clicks: show it rather than nothing
            return merged
        return replace(merged, logits=np.where(kept, merged.logits, -np.abs(merged.logits)))

    def click(self, state: Evidence) -> dict[Start, Decoded]:
        """Return the windows after the newest click: those that hold it decoded again, then grown."""
        windows, newest = dict(state.windows), state.placed[-1]
        queue = deque(self._windows_of(newest, windows))
        while queue:
            window = queue.popleft()
            context = self._context(window, windows, state)
            clicks = self._prompts(window, context, state.placed)
            alone = window in windows and len(windows) == 1
            windows[window] = self._predictor.decode(
                window, clicks, windows[window].low_res if alone else context, first=window not in windows
            )
            for neighbour in open_neighbours(
                self._region(window, clicks, windows, state), window, self._shape
            ):
                if neighbour not in windows and neighbour not in queue:
                    queue.append(neighbour)
            if len(windows) >= _MAX_WINDOWS:
                warnings.warn(
                    f"the target spans {_MAX_WINDOWS} windows: growth stopped; exclude with a negative click",
                    SegAnyPETWarning,
                    stacklevel=4,
                )
                break
        return windows

    def _windows_of(self, click: Click, windows: Mapping[Start, Decoded]) -> list[Start]:
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

    def _context(self, window: Start, windows: Mapping[Start, Decoded], state: Evidence) -> FloatArray:
        """Return the logits known so far inside a window, 0 where nothing is known."""
        size = self._predictor.size
        near = {
            s: d.logits
            for s, d in windows.items()
            if all(abs(a - b) < size for a, b in zip(s, window, strict=True))
        }
        if near:
            return merge(near, self._shape, state.prior_logits).crop(window, (size,) * 3)
        if state.prior_logits is not None:
            return crop_or_pad(state.prior_logits, window, (size,) * 3)
        return np.zeros((size,) * 3, dtype=np.float32)

    def _prompts(self, window: Start, context: FloatArray, placed: Sequence[Click]) -> list[Click]:
        """Return the clicks inside a window, in its voxels; without a positive one, the middle of what is known."""
        size = self._predictor.size
        clicks = [_moved(c, window) for c in placed if holds(window, c.ijk, size)]
        if not any(c.positive for c in clicks) and (context > 0).any():
            i, j, k = deepest_voxel(largest_component(context > 0), (1.0, 1.0, 1.0))
            clicks.insert(0, Click((i, j, k)))
        return clicks

    def _region(
        self, window: Start, clicks: Sequence[Click], windows: Mapping[Start, Decoded], state: Evidence
    ) -> BoolArray:
        """Return the target inside a window as far as it is connected to the prompts and new."""
        logits = self._context(window, windows, state)
        region = connected_to(logits > 0, click_seeds(clicks, (0, 0, 0), logits.shape))
        if state.prior_logits is not None:
            region &= crop_or_pad(state.prior_logits, window, logits.shape) <= 0
        return region


def connected_to(mask: BoolArray, seeds: BoolArray) -> BoolArray:
    """Return the 26-connected components of a mask that touch a seed."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[labels[seeds]] = True
    touched[0] = False
    connected: BoolArray = touched[labels]
    return connected


def click_seeds(clicks: Sequence[Click], start: Start, shape: tuple[int, ...]) -> BoolArray:
    """Return the voxels around the positive clicks, one voxel to each side, on a box of the working grid."""
    seeds = np.zeros(shape, dtype=np.bool_)
    for click in clicks:
        if click.positive:
            centre = [round(c) - s for c, s in zip(click.ijk, start, strict=True)]
            seeds[tuple(slice(max(0, c - 1), max(0, c + 2)) for c in centre)] = True
    return seeds


def _moved(click: Click, start: Start) -> Click:
    """Return a click of the working grid in voxels of a window."""
    i, j, k = (c - s for c, s in zip(click.ijk, start, strict=True))
    return Click((i, j, k), click.positive)
