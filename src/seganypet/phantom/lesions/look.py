"""Shape, uptake, core and edge of a lesion whose place and volume are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from seganypet.phantom.lesions.groups import LesionGroup
from seganypet.phantom.lesions.plan import Blob
from seganypet.phantom.lesions.solids import Offsets, draw_blob, draw_conglomerate, radius_mm

_MOST_SUV = 80.0
# A lesion takes up so much more than its host, and so many times as much, unless it is faint or cold.
_LEAST_RISE_SUV, _LEAST_RATIO = 1.0, 1.2
_COLD_FROM_SUV = 1.5
_CORE_FROM_ML = 8.0
_CONFLUENT_FROM_ML = 1.5
_MOST_BLOBS = 6
_EDGE_MM = (3.0, 12.0)


class Look(NamedTuple):
    """What `LesionPlan` says of a lesion's shape and uptake, under the same names."""

    blobs: tuple[Blob, ...]
    suv: float
    background_suv: float
    core: float
    core_suv: float
    edge_mm: float
    reaction: float
    unevenness: tuple[float, float]


def draw_look(
    group: LesionGroup,
    rng: np.random.Generator,
    *,
    volume_ml: float,
    background_suv: float,
    tracer: str,
    patient: float,
    likeness: float,
    is_allowed: Callable[[Offsets], npt.NDArray[np.bool_]],
) -> Look:
    """Return a random lesion of a group.

    Args:
        group: What such lesions are like.
        rng: Source of randomness.
        volume_ml: Its volume.
        background_suv: SUV of its host.
        tracer: Decides its SUV.
        patient: How hot this patient's lesions are, standard normal.
        likeness: Correlation of the uptake of one patient's lesions.
        is_allowed: Whether the centre of a confluent blob may lie at these offsets in mm, [N, 3] to [N].
    """
    suv = _draw_suv(group, rng, background_suv, tracer, patient, likeness)
    (coarse_low, coarse_high), (fine_low, fine_high) = group.unevenness
    has_core = volume_ml > _CORE_FROM_ML and rng.random() < group.core and suv > background_suv
    infiltrating = rng.random() < group.infiltrating
    return Look(
        blobs=_draw_blobs(group, rng, volume_ml, is_allowed),
        suv=suv,
        background_suv=background_suv,
        core=float(rng.uniform(0.35, 0.78)) if has_core else 0.0,
        core_suv=float(suv * rng.uniform(0.1, 0.4)) if has_core else 0.0,
        edge_mm=float(rng.uniform(_EDGE_MM[0], min(_EDGE_MM[1], 0.8 * radius_mm(volume_ml))))
        if infiltrating
        else 0.0,
        reaction=float(rng.uniform(0, group.reaction)),
        unevenness=(float(rng.uniform(coarse_low, coarse_high)), float(rng.uniform(fine_low, fine_high))),
    )


def _draw_suv(
    group: LesionGroup,
    rng: np.random.Generator,
    background_suv: float,
    tracer: str,
    patient: float,
    likeness: float,
) -> float:
    share = float(ndtr(np.sqrt(likeness) * patient + np.sqrt(1 - likeness) * rng.normal()))
    known = group.suv.get(tracer)
    suv = known.quantile(share) if known else background_suv * group.contrast.quantile(share)
    odds = rng.random()
    if odds < group.cold and background_suv > _COLD_FROM_SUV:
        return float(background_suv * rng.uniform(0.2, 0.6))
    if group.cold <= odds < group.cold + group.faint:
        return float(background_suv + _LEAST_RISE_SUV * rng.uniform(0.35, 1.0))
    least = max(background_suv + _LEAST_RISE_SUV, _LEAST_RATIO * background_suv)
    return max(min(suv, _MOST_SUV), least)


def _draw_blobs(
    group: LesionGroup,
    rng: np.random.Generator,
    volume_ml: float,
    is_allowed: Callable[[Offsets], npt.NDArray[np.bool_]],
) -> tuple[Blob, ...]:
    if volume_ml < _CONFLUENT_FROM_ML or rng.random() >= group.confluent:
        return (draw_blob(rng, volume_ml, elongation=group.elongation, bumpiness=group.bumpiness),)
    count = int(rng.integers(2, _MOST_BLOBS + 1))
    return draw_conglomerate(rng, volume_ml, count, bumpiness=group.bumpiness, is_allowed=is_allowed)
