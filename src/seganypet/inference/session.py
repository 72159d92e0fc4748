"""`Session`: one volume, one target, clicks that build on each other, undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit

from seganypet.errors import GeometryError, PromptError, UsageError
from seganypet.inference.boxes import require_inside
from seganypet.inference.regions import voxel_of
from seganypet.inference.scales import Found, Scales
from seganypet.inference.tiling import LogitBox
from seganypet.models.model import SegmentationModel
from seganypet.preprocessing.model_grid import KNOWN_SHARE, ModelGrid
from seganypet.prompts import Box, Click
from seganypet.volume import BoolArray, FloatArray, Mask, Volume


@dataclass(frozen=True)
class SessionState:
    """One step of a session; never changed, so that steps can be kept and gone back to.

    Attributes:
        clicks: In the volume's own voxels, in order.
        box: Likewise.
        prior: Mask given by the reader, on the volume's own grid.
        found: What they led to.
    """

    clicks: tuple[Click, ...] = ()
    box: Box | None = None
    prior: BoolArray | None = None
    found: Found = field(default_factory=Found)


class Session:
    """Segments one target of one volume, click by click.

    A window of the model's size is placed at the first click, at each of its scales. Where the prediction reaches the
    border of the widest, windows with 50 % overlap are added until it no longer does or the image ends [P2 Methods],
    and their logits are merged with weights that fall towards the borders. A positive click is always inside the mask,
    a negative one outside. Windows of a box cover it, and none are added until a positive click lies outside it.

    Args:
        model: What `load_model` returns.
    """

    def __init__(self, model: SegmentationModel) -> None:
        self._model = model
        self._volume: Volume | None = None
        self._history: list[SessionState] = [SessionState()]
        self._now = 0

    def set_volume(self, volume: Volume) -> None:
        """Take another volume; clicks and masks start anew.

        Args:
            volume: In SUVbw.
        """
        self._scales = Scales(self.model, volume)
        self._volume = volume
        self._history, self._now = [SessionState()], 0

    @property
    def model(self) -> SegmentationModel:
        """What segments; another model needs a session of its own."""
        return self._model

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
        return self.state.clicks

    @property
    def box(self) -> Box | None:
        """The box in effect, in the volume's own voxels."""
        return self.state.box

    def add_click(self, ijk: Sequence[float], positive: bool = True) -> Mask:
        """Add a click and return the new mask on the volume's own grid.

        Args:
            ijk: Voxel coordinate in the volume's own order; integer = voxel centre.
            positive: True inside the target, False outside.

        Raises:
            PromptError: The click is outside the volume, or a negative one comes first.
            UsageError: There is no volume.
        """
        volume, state = self.volume, self.state
        click = Click(tuple(ijk), positive)  # type: ignore[arg-type]
        if not volume.contains(click.ijk):
            raise PromptError(f"click at voxel {click.ijk} is outside the volume of shape {volume.shape}")
        if not positive and not state.clicks and state.prior is None and state.box is None:
            raise PromptError(
                "the first click must be positive: it says what to segment; then exclude with negative"
            )
        clicks = (*state.clicks, click)
        self._push(replace(state, clicks=clicks, found=self._scales.click(state.found, clicks)))
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
        self._push(SessionState(prior=mask.array, found=self._scales.mask(mask)))
        return self.mask

    def add_box(self, ijk_min: Sequence[float], ijk_max: Sequence[float]) -> Mask:
        """Start from a box around the target, to be corrected with clicks; clicks so far are dropped.

        The box is shown to the network with all clicks that follow.

        Args:
            ijk_min: First voxel along each axis, in the volume's own order.
            ijk_max: Last voxel along each axis.

        Raises:
            PromptError: The weights never learned boxes; a corner is not three finite numbers; the last voxel lies
                before the first; or the box reaches beyond the volume or takes more windows than any organ.
            UsageError: There is no volume.
        """
        description = self.model.description
        if not self.model.boxes:
            raise PromptError(
                f'weights "{description.name}" were not trained with boxes ({tuple(ijk_min)} to {tuple(ijk_max)}); '
                "click inside the target instead"
            )
        box = Box(tuple(ijk_min), tuple(ijk_max))  # type: ignore[arg-type]
        require_inside(box, self.volume.shape)
        self._push(SessionState(box=box, found=self._scales.box(box)))
        return self.mask

    def undo(self) -> Mask:
        """Take back the last click, box, mask or reset; return the mask before it.

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
        """Drop clicks, box and mask (undo brings them back); return the empty mask."""
        self._push(SessionState())
        return self.mask

    @property
    def mask(self) -> Mask:
        """The mask on the volume's own grid; empty before the first prompt."""
        return self.volume.like(self._mask_array())

    @property
    def probability(self) -> FloatArray:
        """Probability of the target, float32 on the volume's own grid; 0 where no window of its scale has looked."""
        state, probability = self.state, np.zeros(self.volume.shape, dtype=np.float32)
        if state.prior is not None:
            probability[state.prior] = 1.0
        grid = self._scales.grid(state.found)
        for merged in self._scales.merged(state.found):
            _restore_probability(grid, merged, probability)
        return probability

    @property
    def uncertainty(self) -> FloatArray:
        """Entropy of target against background, in nats, at most ln 2 [P1 eq. 4]; on the volume's own grid."""
        entropy = self.probability
        for plane in entropy:  # one by one: no further arrays of the volume's size
            p = np.clip(plane, 1e-7, 1 - 1e-7)
            plane[...] = -(p * np.log(p) + (1 - p) * np.log1p(-p))
        return entropy

    @property
    def expected_dice(self) -> float | None:
        """How good the mask is likely to be: the Dice that weights of several scales estimate for it, 0 to 1.

        None before the first click, with a mask or a box to start from, and of weights of one scale.
        """
        found = self.state.found
        return found.estimates.get(found.shown)

    @property
    def working_spacing_mm(self) -> float:
        """Edge of the voxels of the working grid that the mask was made on: of several scales the one that is shown."""
        return self._scales.grid(self.state.found).spacing_mm

    @property
    def state(self) -> SessionState:
        """Where the session is; `go_to` comes back to it, as long as the volume stays."""
        return self._history[self._now]

    def go_to(self, state: SessionState) -> None:
        """Go on from a state of this session's volume, of this target or of another; undo goes back no further.

        So one session, with its embeddings, serves many targets.

        Args:
            state: What `state` was, or a new `SessionState` for a new target.
        """
        self._history, self._now = [state], 0

    def _push(self, state: SessionState) -> None:
        self._history = [*self._history[: self._now + 1], state]
        self._now += 1

    def _mask_array(self) -> BoolArray:
        """Return the thresholded prediction as far as it is connected to the prompts, with the clicks enforced."""
        state, shape = self.state, self.volume.shape
        mask = np.zeros(shape, dtype=np.bool_) if state.prior is None else state.prior.copy()
        self._scales.restore(state.found, mask)
        for click in state.clicks:
            mask[voxel_of(click, shape)] = click.positive
        mask.setflags(write=False)
        return mask


def _restore_probability(grid: ModelGrid, merged: LogitBox, probability: FloatArray) -> None:
    """Write what windows said into the volume's own grid, interpolated among known voxels only."""
    merged.logits[~merged.known] = 0
    slices, logits = grid.restore_values(merged.logits, merged.start)
    _, share = grid.restore_values(merged.known.astype(np.float32), merged.start)
    known = share >= KNOWN_SHARE
    np.divide(logits, share, out=logits, where=known)
    np.copyto(probability[slices], expit(logits, out=logits), where=known)
