"""Everything that changes a reading: each checks, computes the new mask, and stores one action."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any, Final, get_args

import numpy as np
from scipy import ndimage

from seganypet.analysis.thresholds import hottest_near, liver_threshold, voxel_of
from seganypet.app.brush import painted
from seganypet.app.changes import Change
from seganypet.app.history import BOX, CLEAR, CLICK, DESCRIBE, MASK, REMOVE, STROKE, Action, Described
from seganypet.app.model import SharedModel
from seganypet.app.open_scans import OpenScan
from seganypet.app.problems import NotFoundError
from seganypet.app.reading import Reading
from seganypet.app.wire import (
    BoxRequest,
    ClickRequest,
    DescribeRequest,
    MaskRequest,
    ObjectRequest,
    Rule,
    StrokeRequest,
    ThresholdRequest,
)
from seganypet.errors import PromptError, StoreError, UsageError
from seganypet.io.packed_bits import unpacked_bits
from seganypet.prompts import Box, Click
from seganypet.volume import BoolArray

COLOURS: Final = (
    "#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#42d4f4", "#f032e6", "#bfef45", "#469990", "#9a6324",
)  # fmt: skip
_SHARES: Final = {"41%": 0.41, "50%": 0.5}
_LEVELS: Final = {"2.5": 2.5, "4.0": 4.0}
_LONGEST_NAME: Final = 80
# How far from the mask a threshold may reach: a lesion that was drawn too small still has its edge within.
_NEIGHBOURHOOD_MM: Final = 15.0


def described(reading: Reading, object_id: int) -> Described:
    """Return an object of a reading.

    Raises:
        NotFoundError: There is none of this id.
    """
    found = reading.objects.get(object_id)
    if found is None:
        raise NotFoundError(f"no object {object_id} in this reading; was it deleted or undone?")
    return found


def add_object(reading: Reading, wanted: ObjectRequest) -> Action:
    """Add an object without a mask."""
    return reading.add(wanted.name, wanted.colour or free_colour(reading))


def describe(reading: Reading, object_id: int, wanted: DescribeRequest) -> Action:
    """Give an object another name or colour.

    Raises:
        NotFoundError: There is no such object.
        UsageError: Nothing is to be changed.
    """
    described(reading, object_id)
    details = wanted.model_dump(exclude_none=True)
    if not details:
        raise UsageError("nothing to change: give a name or a colour")
    return reading.do(DESCRIBE, object_id, details)


def remove(reading: Reading, object_id: int) -> Action:
    """Delete an object; undo brings it back with its mask.

    Raises:
        NotFoundError: There is no such object.
    """
    described(reading, object_id)
    return reading.do(REMOVE, object_id, {}, reading.mask(object_id).box())


def clear(reading: Reading, object_id: int) -> Action:
    """Empty an object: mask and clicks.

    Raises:
        NotFoundError: There is no such object.
    """
    described(reading, object_id)
    return reading.do(CLEAR, object_id, {}, reading.mask(object_id).box())


def click(
    reading: Reading, scan: OpenScan, model: SharedModel, object_id: int, wanted: ClickRequest
) -> Action:
    """Show the model a click.

    Raises:
        NotFoundError: There is no such object.
        UsageError: The reading is manual.
        PromptError: No place or two, outside the scan, or a negative click comes first.
        WeightsError: The model cannot be loaded.
    """
    described(reading, object_id)
    require_assisted(reading)
    began = time.perf_counter()
    place = _placed(scan, wanted)
    with scan.lock:
        assistant = scan.assistant(model)
        after = assistant.click(reading, object_id, place)
        dice = assistant.expected_dice
        details: dict[str, Any] = {"ijk": place.ijk, "positive": place.positive, "weights": model.name}
        if wanted.snap_mm:
            details["snap_mm"] = wanted.snap_mm
        if dice is not None:
            details["expected_dice"] = round(dice, 4)
        change = Change.between(reading.array(object_id), after)
        action = reading.do(CLICK, object_id, details, change, time.perf_counter() - began)
        assistant.remember(action)
    return action


def box(reading: Reading, scan: OpenScan, model: SharedModel, object_id: int, wanted: BoxRequest) -> Action:
    """Start an object anew from a box.

    Raises:
        NotFoundError: There is no such object.
        UsageError: The reading is manual.
        PromptError, WeightsError: As for `click`; or the weights know no boxes.
    """
    described(reading, object_id)
    require_assisted(reading)
    began = time.perf_counter()
    with scan.lock:
        assistant = scan.assistant(model)
        after = assistant.box(Box(wanted.ijk_min, wanted.ijk_max))
        details = {"ijk_min": wanted.ijk_min, "ijk_max": wanted.ijk_max, "weights": model.name}
        change = Change.between(reading.array(object_id), after)
        action = reading.do(BOX, object_id, details, change, time.perf_counter() - began)
        assistant.remember(action)
    return action


def stroke(reading: Reading, scan: OpenScan, object_id: int, wanted: StrokeRequest) -> Action:
    """Paint or erase along a line.

    Raises:
        NotFoundError: There is no such object.
        PromptError: The line begins outside the scan.
    """
    described(reading, object_id)
    began = time.perf_counter()
    touched = painted(scan.volume, wanted.points_mm, wanted.radius_mm, wanted.plane)
    before = reading.array(object_id)
    after = before & ~touched if wanted.erase else before | touched
    details = wanted.model_dump(mode="json")
    return reading.do(STROKE, object_id, details, Change.between(before, after), time.perf_counter() - began)


def set_mask(reading: Reading, object_id: int, wanted: MaskRequest) -> Action:
    """Replace an object's mask by a given one.

    Raises:
        NotFoundError: There is no such object.
        PromptError: The box reaches beyond the scan, or the bits are none.
    """
    described(reading, object_id)
    stop = np.add(wanted.start, wanted.shape)
    if min(wanted.start) < 0 or (stop > reading.shape).any():
        raise PromptError(
            f"mask from voxel {wanted.start} of shape {wanted.shape} reaches beyond the scan of {reading.shape} voxels"
        )
    try:
        inside = unpacked_bits(base64.b64decode(wanted.bits, validate=True), wanted.shape)
    except (binascii.Error, ValueError, StoreError) as error:
        raise PromptError(f"bits of the mask cannot be read ({error}); expected zlib in base64") from error
    after = np.zeros(reading.shape, dtype=np.bool_)
    after[Change(wanted.start, inside).slices] = inside
    return reading.do(MASK, object_id, {"from": "client"}, Change.between(reading.array(object_id), after))


def threshold(reading: Reading, scan: OpenScan, object_id: int, wanted: ThresholdRequest) -> Action:
    """Add an object: what reaches a threshold inside the neighbourhood of another's mask.

    Raises:
        NotFoundError: There is no such object.
        UsageError: Its mask is empty, or nothing reaches the threshold.
        PromptError: The liver's place is missing or outside the scan.
    """
    source = described(reading, object_id)
    inside = reading.array(object_id)
    if not inside.any():
        raise UsageError(f'"{source.name}" is empty: click or paint first, then compare with a threshold')
    level = _level(scan, inside, wanted)
    found = above_level(scan, inside, level)
    if not (level > 0 and found.any()):  # at 0 and below, air is a target too
        raise UsageError(
            f'nothing in or around "{source.name}" reaches SUV {level:.2f}; choose another threshold'
        )
    change = Change.between(np.zeros_like(found), found)
    details = {"from": object_id, "rule": wanted.rule, "level_suv": round(level, 4)}
    label = label_of(wanted.rule)
    name = f"{source.name[: _LONGEST_NAME - len(label) - 1]} {label}"
    return reading.add(name, free_colour(reading), change, details)


def above_level(scan: OpenScan, inside: BoolArray, level: float) -> BoolArray:
    """Return the voxels within 15 mm of a mask that reach a level and are connected to it or in it.

    Args:
        scan: The scan.
        inside: The mask, bool [I, J, K], not empty.
        level: SUV.
    """
    part = ndimage.find_objects(inside.view(np.int8), max_label=1)[0]
    reach = [int(np.ceil(_NEIGHBOURHOOD_MM / mm)) + 1 for mm in scan.volume.spacing_mm]
    box = tuple(
        slice(max(p.start - r, 0), min(p.stop + r, n))
        for p, r, n in zip(part, reach, inside.shape, strict=True)
    )
    near = ndimage.distance_transform_edt(~inside[box], sampling=scan.volume.spacing_mm) <= _NEIGHBOURHOOD_MM
    above = near & (scan.volume.array[box] >= level)
    pieces, _ = ndimage.label(above, structure=np.ones((3, 3, 3), dtype=np.bool_))
    touched = np.unique(pieces[inside[box] & above])
    found = np.zeros_like(inside)
    found[box] = np.isin(pieces, touched[touched > 0])
    return found


def rules() -> tuple[str, ...]:
    """Return the thresholds to compare with."""
    return get_args(Rule)


def label_of(rule: Rule) -> str:
    """Return a rule as it is shown."""
    return (
        f"≥ {rule} of SUVmax" if rule in _SHARES else f"≥ SUV {rule}" if rule in _LEVELS else "≥ liver level"
    )


def free_colour(reading: Reading) -> str:
    """Return the next colour that no object of a reading has, while there is one."""
    taken = [found.colour for found in reading.objects.values()]
    free = [colour for colour in COLOURS if colour not in taken]
    return free[0] if free else next(islice(cycle(COLOURS), len(taken), None))


def require_assisted(reading: Reading) -> None:
    """Refuse a manual reading what the model would say.

    Raises:
        UsageError: The reading is manual.
    """
    if not reading.assisted:
        raise UsageError("this is a manual reading: the model is off; paint, or begin an assisted one")


def _placed(scan: OpenScan, wanted: ClickRequest) -> Click:
    """Return a click in voxels, moved to the hottest voxel nearby if that is wanted."""
    if (wanted.xyz_mm is None) == (wanted.ijk is None):
        raise PromptError("a click needs one place: xyz_mm, or ijk")
    ijk: Sequence[float] = wanted.ijk if wanted.ijk is not None else scan.volume.to_ijk(wanted.xyz_mm or ())
    if wanted.snap_mm:
        voxel = voxel_of(scan.volume.array, ijk)
        ijk = hottest_near(scan.volume.array, voxel, scan.volume.spacing_mm, wanted.snap_mm)
    i, j, k = (float(c) for c in ijk)
    return Click((i, j, k), wanted.positive)


def _level(scan: OpenScan, inside: BoolArray, wanted: ThresholdRequest) -> float:
    """Return the SUV of a rule."""
    if wanted.rule in _LEVELS:
        return _LEVELS[wanted.rule]
    if wanted.rule in _SHARES:
        return _SHARES[wanted.rule] * float(scan.volume.array[inside].max())
    if wanted.liver_mm is None:
        raise PromptError("this threshold needs a place in the liver (liver_mm), the centre of a 3 cm sphere")
    return liver_threshold(scan.volume.array, scan.volume.to_ijk(wanted.liver_mm), scan.volume.spacing_mm)
