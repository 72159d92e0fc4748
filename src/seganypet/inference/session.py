"""`Session`: one volume, one target, clicks that build on each other, undo."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from seganypet.errors import GeometryError, PromptError, SegAnyPETWarning, UsageError
from seganypet.inference.predictor import Decoded, Predictor
from seganypet.inference.tiling import LogitBox, Start, holds, merge, open_neighbours, window_around
from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.cropping import crop_or_pad
from seganypet.preprocessing.model_grid import ModelGrid
from seganypet.prompts import Click, deepest_voxel, largest_component
from seganypet.volume import BoolArray, FloatArray, Mask, Volume

# Strength of a mask given by the reader, as logits.
_PRIOR_LOGIT = 5.0
# More windows than any organ needs (a whole body at 4 mm has about 100): a target that leaks stops here.
_MAX_WINDOWS = 64


@dataclass(frozen=True)
class _State:
    """What the clicks so far have led to; never changed, so that undo is a step back in a list.

    Attributes:
        clicks: In the volume's own voxels, in order.
        placed: The same in voxels of the working grid.
        windows: What the decoder said, by the window's first voxel on the working grid.
        prior: Mask given by the reader, on the volume's own grid.
        prior_logits: The same on the working grid, as logits.
    """

    clicks: tuple[Click, ...] = ()
    placed: tuple[Click, ...] = ()
    windows: dict[Start, Decoded] = field(default_factory=dict)
    prior: BoolArray | None = None
    prior_logits: FloatArray | None = None


class Session:
    """Segments one target of one volume, click by click.

    A window of the model's size is placed at the first click. Where the prediction reaches the window's border,
    windows with 50 % overlap are added until it no longer does or the image ends [P2 Methods], and their logits
    are merged with weights that fall towards the borders. A positive click is always inside the mask, a negative
    one outside.

    Args:
        model: What `load_model` returns.
    """

    def __init__(self, model: SegmentationModel) -> None:
        self.model = model
        self._volume: Volume | None = None
        self._history: list[_State] = [_State()]
        self._now = 0

    def set_volume(self, volume: Volume) -> None:
        """Take another volume; clicks and masks start anew.

        Args:
            volume: In SUVbw.
        """
        self._grid = ModelGrid.of(volume.affine, volume.shape, self.model.description.spacing_mm)
        self._predictor = Predictor(self.model, self._grid.resample(volume.array))
        self._volume = volume
        self._restart(_State())

    @property
    def volume(self) -> Volume:
        """The volume at work.

        Raises:
            UsageError: There is none yet.
        """
        if self._volume is None:
            raise UsageError("the session has no volume; call set_volume first")
        return self._volume

    @property
    def clicks(self) -> tuple[Click, ...]:
        """The clicks in effect, in order, in the volume's own voxels."""
        return self._state.clicks

    def add_click(self, ijk: Sequence[float], positive: bool = True) -> Mask:
        """Add a click and return the new mask on the volume's own grid.

        Args:
            ijk: Voxel coordinate in the volume's own order; integer = voxel centre.
            positive: True inside the target, False outside.

        Raises:
            PromptError: The click is outside the volume, or a negative one comes first.
            UsageError: There is no volume.
        """
        volume, state = self.volume, self._state
        click = Click(tuple(ijk), positive)  # type: ignore[arg-type]
        if not volume.contains(click.ijk):
            raise PromptError(f"click at voxel {click.ijk} is outside the volume of shape {volume.shape}")
        if not positive and not state.clicks and state.prior is None:
            raise PromptError(
                "the first click must be positive: it says what to segment; then exclude with negative"
            )
        i, j, k = (float(c) for c in self._grid.to_model_ijk(click.ijk))
        state = replace(
            state, clicks=(*state.clicks, click), placed=(*state.placed, Click((i, j, k), positive))
        )
        self._push(replace(state, windows=self._predict(state)))
        return self.mask

    def add_click_mm(self, xyz_mm: Sequence[float], positive: bool = True) -> Mask:
        """Add a click at a RAS+ world position in mm; otherwise as `add_click`."""
        if len(xyz_mm) != 3 or not np.isfinite(xyz_mm).all():
            raise PromptError(f"click at {tuple(xyz_mm)} mm; expected three finite world coordinates x, y, z")
        return self.add_click(self.volume.to_ijk(xyz_mm), positive)

    def add_mask(self, mask: Mask) -> Mask:
        """Start from a mask, to be corrected with clicks; clicks so far are dropped.

        Args:
            mask: On the volume's own grid.

        Raises:
            GeometryError: It is on another grid.
            PromptError: It is empty.
        """
        if not mask.has_grid_of(self.volume):
            raise GeometryError(
                f"mask of shape {mask.shape} is not on the volume's grid of shape {self.volume.shape}; resample it"
            )
        if not mask.array.any():
            raise PromptError("the mask to start from is empty; click instead")
        logits = self._grid.resample(mask.array.astype(np.float32)) * (2 * _PRIOR_LOGIT) - _PRIOR_LOGIT
        self._push(_State(prior=mask.array, prior_logits=logits))
        return self.mask

    def add_box(self, ijk_min: Sequence[float], ijk_max: Sequence[float]) -> Mask:
        """Refuse: no weights that were trained with boxes exist yet.

        Raises:
            PromptError: Always; click instead.
        """
        raise PromptError(
            f'weights "{self.model.description.name}" were not trained with boxes ({tuple(ijk_min)} to '
            f"{tuple(ijk_max)}); click inside the target instead"
        )

    def undo(self) -> Mask:
        """Take back the last click, mask or reset; return the mask before it.

        Raises:
            UsageError: There is nothing to take back.
        """
        if self._now == 0:
            raise UsageError("nothing to undo")
        self._now -= 1
        return self.mask

    def redo(self) -> Mask:
        """Do again what was taken back last; return the mask after it.

        Raises:
            UsageError: Nothing was taken back, or something new was done since.
        """
        if self._now + 1 >= len(self._history):
            raise UsageError("nothing to redo")
        self._now += 1
        return self.mask

    def reset(self) -> Mask:
        """Drop clicks and mask (undo brings them back); return the empty mask."""
        self._push(_State())
        return self.mask

    @property
    def mask(self) -> Mask:
        """The mask on the volume's own grid; empty before the first prompt."""
        return self.volume.like(self._mask_array())

    @property
    def probability(self) -> FloatArray:
        """Probability of the target, float32 on the volume's own grid; 0 where no window has looked."""
        state, probability = self._state, np.zeros(self.volume.shape, dtype=np.float32)
        if state.prior is not None:
            probability[state.prior] = 1.0
        if state.windows:
            merged = self._merged(state)
            slices, logits = self._grid.restore_values(merged.logits, merged.start)
            probability[slices] = 1.0 / (1.0 + np.exp(-logits))
        return probability

    @property
    def uncertainty(self) -> FloatArray:
        """Predictive entropy of target and background, in nats, at most ln 2 [P1 eq. 4]; on the volume's own grid."""
        p = np.clip(self.probability, 1e-7, 1 - 1e-7)
        entropy: FloatArray = -(p * np.log(p) + (1 - p) * np.log1p(-p)).astype(np.float32)
        return entropy

    @property
    def _state(self) -> _State:
        return self._history[self._now]

    def _push(self, state: _State) -> None:
        self._history = [*self._history[: self._now + 1], state]
        self._now += 1

    def _restart(self, state: _State) -> None:
        self._history, self._now = [state], 0

    def _mask_array(self) -> BoolArray:
        """Return the thresholded prediction, what is not connected to a prompt left out, clicks enforced."""
        state, shape = self._state, self.volume.shape
        mask = np.zeros(shape, dtype=np.bool_) if state.prior is None else state.prior.copy()
        if state.windows:
            merged = self._merged(state)
            kept = connected_to(merged.logits > 0, self._seeds(merged, state))
            self._grid.restore(np.where(kept, merged.logits, -np.abs(merged.logits)), merged.start, out=mask)
        for click in state.clicks:
            mask[_voxel(click, shape)] = click.positive
        mask.setflags(write=False)
        return mask

    def _merged(self, state: _State) -> LogitBox:
        """Return the logits of all windows on one box of the working grid."""
        return merge({s: d.logits for s, d in state.windows.items()}, self._grid.shape, state.prior_logits)

    def _seeds(self, merged: LogitBox, state: _State) -> BoolArray:
        """Return where the target is known to be inside the merged box: positive clicks and the mask given."""
        seeds = click_seeds(state.placed, merged.start, merged.logits.shape)
        if state.prior_logits is not None:
            seeds |= crop_or_pad(state.prior_logits, merged.start, merged.logits.shape) > 0
        return seeds

    def _predict(self, state: _State) -> dict[Start, Decoded]:
        """Return the windows after the newest click: those that hold it decoded again, then grown."""
        windows, newest = dict(state.windows), state.placed[-1]
        queue = deque(self._windows_of(newest, windows))
        while queue:
            window = queue.popleft()
            context = self._context(window, windows, state)
            clicks = self._prompts(window, context, state.placed)
            alone = window in windows and len(windows) == 1
            windows[window] = self._predictor.decode(
                window, clicks, windows[window].low_res if alone else context
            )
            for neighbour in open_neighbours(
                self._region(window, clicks, windows, state), window, self._grid.shape
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

    def _windows_of(self, click: Click, windows: dict[Start, Decoded]) -> list[Start]:
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

    def _context(self, window: Start, windows: dict[Start, Decoded], state: _State) -> FloatArray:
        """Return the logits known so far inside a window, 0 where nothing is known."""
        size = self._predictor.size
        near = {
            s: d.logits
            for s, d in windows.items()
            if all(abs(a - b) < size for a, b in zip(s, window, strict=True))
        }
        if near:
            return merge(near, self._grid.shape, state.prior_logits).crop(window, (size,) * 3)
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
        self, window: Start, clicks: Sequence[Click], windows: dict[Start, Decoded], state: _State
    ) -> BoolArray:
        """Return the target inside a window as far as it is connected to the prompts and new."""
        logits = self._context(window, windows, state)
        region = connected_to(logits > 0, click_seeds(clicks, (0, 0, 0), logits.shape))
        if state.prior_logits is not None:
            region &= crop_or_pad(state.prior_logits, window, logits.shape) <= 0
        return region


def connected_to(mask: BoolArray, seeds: BoolArray) -> BoolArray:
    """Return the 26-connected components of a mask that touch a seed; the whole mask where none does."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3), dtype=bool))
    touched = np.zeros(count + 1, dtype=np.bool_)
    touched[np.unique(labels[seeds])] = True
    touched[0] = False
    return touched[labels] if touched.any() else mask


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


def _voxel(click: Click, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the voxel that a click lies in."""
    i, j, k = (min(max(int(np.floor(c + 0.5)), 0), n - 1) for c, n in zip(click.ijk, shape, strict=True))
    return i, j, k
