"""Plans of lesions: where they lie, how large, what shape and how hot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.lesions.candidates import BodyVoxels, Candidates, Indices
from seganypet.phantom.lesions.groups import VOLUME_ML, LesionGroup, LesionPreset, draw_numbers
from seganypet.phantom.lesions.look import draw_look
from seganypet.phantom.lesions.plan import LesionPlan
from seganypet.phantom.lesions.presets import PRESETS
from seganypet.phantom.lesions.room import Room
from seganypet.phantom.lesions.solids import radius_mm, reach_mm
from seganypet.phantom.lesions.stations import STATIONS

_TRIES = 16
_SHRINKS = 5
# Share of a ball of the lesion's volume that must be tissue it may occupy: the rest grows elsewhere when drawn.
_GOOD_ROOM, _LEAST_ROOM = 0.6, 0.42
_CLUSTER_GAP_MM = 25.0
# A lesion of a station that confines nothing still keeps to its host this often.
_KEEPS_TO_HOST = 0.4


def plan_lesions(
    anatomy: Anatomy,
    suv: Mapping[str, float],
    rng: np.random.Generator,
    *,
    preset: str | LesionPreset = "random",
    tracer: str = "fdg",
    count: tuple[int, int] | None = None,
) -> list[LesionPlan]:
    """Return the lesions of one patient, apart from each other; the first is the primary where there is one.

    A body without the tissues of a station has its lesions in the preset's other stations; fewer lesions come
    back where no place is left, none where no station is found.

    Args:
        anatomy: The body; must hold tissue.
        suv: SUV by tissue name.
        rng: Source of randomness; the same state gives the same plans.
        preset: Name of a preset, or one's own.
        tracer: Decides the lesions' SUV; with one of which the preset knows nothing, it is a contrast to the host.
        count: Fewest and most lesions; default, what the preset gives. The preset "none" always gives none.

    Raises:
        UsageError: The preset is unknown, the count is reversed or negative, the body is empty, or a tissue has no
            uptake.
    """
    chosen = _preset(preset)
    if count is not None and not 0 <= count[0] <= count[1]:
        raise UsageError(f"count {count} of lesions; expected 0 <= fewest <= most")
    body = BodyVoxels(anatomy, rng)
    missing = [name for name in body.tissues if name not in suv]
    if missing:
        raise UsageError(
            f"no uptake for {missing[0]} ({len(missing)} tissues); give the SUV of all tissues of the body"
        )
    target = None if count is None else int(rng.integers(count[0], count[1] + 1))
    if not chosen.groups or target == 0:
        return []
    planner = _Planner(body=body, suv=suv, rng=rng, tracer=tracer, likeness=chosen.likeness)
    planner.place_all(chosen.groups, draw_numbers(chosen.groups, rng, target))
    return planner.plans


def _preset(preset: str | LesionPreset) -> LesionPreset:
    if isinstance(preset, LesionPreset):
        return preset
    if preset not in PRESETS:
        raise UsageError(f"lesion preset {preset!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[preset]


@dataclass
class _Planner:
    """One patient's plans in the making."""

    body: BodyVoxels
    suv: Mapping[str, float]
    rng: np.random.Generator
    tracer: str
    likeness: float
    plans: list[LesionPlan] = field(default_factory=list)
    stations: list[str] = field(default_factory=list)
    first_side: int = 0

    def __post_init__(self) -> None:
        self._spacing = np.array(self.body.anatomy.spacing_mm)
        self._gap_mm = 1.5 * float(self._spacing.max())
        self._patient = float(self.rng.normal())
        self._room = Room(self.body)

    def place_all(self, groups: tuple[LesionGroup, ...], numbers: list[int]) -> None:
        """Plan these numbers of each group; what finds no place goes to the other groups."""
        left = 0
        for group, number in zip(groups, numbers, strict=True):
            before = len(self.plans)
            for _ in range(number):
                # A group without a place for one lesion has none for the next.
                if not self._place(group, first=len(self.plans) == before):
                    break
            left += number - (len(self.plans) - before)
        if left:
            self._place_left(groups, left)

    def _place_left(self, groups: tuple[LesionGroup, ...], left: int) -> None:
        others = [group for group in groups if self._station(group) is not None]
        others = [group for group in others if group.count[1] > 1] or others
        for _ in range(3 * left if others else 0):
            left -= self._place(others[int(self.rng.integers(len(others)))], first=True)
            if not left:
                return

    def _place(self, group: LesionGroup, *, first: bool) -> bool:
        clustered = not first and self.rng.random() < group.cluster
        station = self.stations[-1] if clustered else self._station(group)
        if station is None:
            return False
        places = self._on_side(self.body.candidates(station), group)
        volume_ml = group.volume_ml.quantile(self.rng.random())
        for _ in range(_SHRINKS):
            near = self._close_to_last(places, volume_ml) if clustered else places
            plan_and_side = self._try(group, station, near, volume_ml)
            if plan_and_side is not None:
                self.plans.append(plan_and_side[0])
                self.stations.append(station)
                self.first_side = self.first_side or plan_and_side[1]
                return True
            volume_ml = max(0.6 * volume_ml, VOLUME_ML[0])
            clustered = False
        return False

    def _station(self, group: LesionGroup) -> str | None:
        """A station of the group that this body has; none where it has none, or the group needs another first."""
        if group.needs is not None and group.needs not in self.stations:
            return None
        names = list(group.stations)
        weights = np.array(list(group.stations.values()))
        order = self.rng.choice(len(names), size=len(names), replace=False, p=weights / weights.sum())
        return next((names[at] for at in order if len(self.body.candidates(names[at]).ijk)), None)

    def _on_side(self, places: Candidates, group: LesionGroup) -> Candidates:
        if group.same_side is None or not self.first_side:
            return places
        side = self.first_side if self.rng.random() < group.same_side else -self.first_side
        kept = places.side == side
        return places.only(kept) if kept.any() else places

    def _close_to_last(self, places: Candidates, volume_ml: float) -> Candidates:
        last = self.plans[-1]
        reach = max(np.linalg.norm(blob.offset_mm) + reach_mm(blob) for blob in last.blobs)
        distance = np.linalg.norm((places.ijk - last.center_ijk) * self._spacing, axis=1)
        kept = distance < reach + 1.4 * radius_mm(volume_ml) + _CLUSTER_GAP_MM
        return places.only(kept) if kept.any() else places

    def _try(
        self, group: LesionGroup, station: str, places: Candidates, volume_ml: float
    ) -> tuple[LesionPlan, int] | None:
        """A plan at the roomiest of some random places, and its side; none where there is no room."""
        keeps = not STATIONS[station].confined_to and self.rng.random() < _KEEPS_TO_HOST
        own = STATIONS[station].own or keeps
        most, best = _LEAST_ROOM, -1
        for at in self.rng.integers(0, len(places.ijk), _TRIES):
            ijk = places.ijk[at]
            if not self._is_clear(ijk, np.zeros((1, 3)), [radius_mm(volume_ml)]):
                continue
            room = self._room.share(
                ijk, self._room.confined_to(station, self._room.host(ijk), own=own), volume_ml
            )
            if room > most:
                most, best = room, int(at)
            if room > _GOOD_ROOM:
                break
        if best < 0:
            return None
        plan = self._plan(group, station, places.ijk[best], own, volume_ml)
        offsets = np.array([blob.offset_mm for blob in plan.blobs])
        reaches = [reach_mm(blob) + plan.edge_mm / 2 for blob in plan.blobs]
        clear = self._is_clear(np.array(plan.center_ijk), offsets, reaches)
        return (plan, int(places.side[best])) if clear else None

    def _plan(
        self, group: LesionGroup, station: str, voxel: Indices, own: bool, volume_ml: float
    ) -> LesionPlan:
        host = self._room.host(voxel)
        confined_to = self._room.confined_to(station, host, own=own)
        center = voxel + self.rng.uniform(-0.5, 0.5, 3)
        look = draw_look(
            group,
            self.rng,
            volume_ml=volume_ml,
            background_suv=self.suv[host],
            tracer=self.tracer,
            patient=self._patient,
            likeness=self.likeness,
            is_allowed=lambda offsets: self._room.allowed(center + offsets / self._spacing, confined_to),
        )
        i, j, k = (float(at) for at in center)
        return LesionPlan(
            center_ijk=(i, j, k), host=host, kind=group.kind, confined_to=confined_to, **look._asdict()
        )

    def _is_clear(
        self, ijk: npt.NDArray[np.generic], offsets_mm: npt.NDArray[np.float64], reaches_mm: Sequence[float]
    ) -> bool:
        """Whether balls around a centre keep the gap from all planned lesions."""
        for plan in self.plans:
            apart = (ijk - np.array(plan.center_ijk)) * self._spacing
            for blob in plan.blobs:
                distance = np.linalg.norm(apart + offsets_mm - blob.offset_mm, axis=1)
                reach = reach_mm(blob) + plan.edge_mm / 2 + self._gap_mm
                if (distance < reach + np.asarray(reaches_mm)).any():
                    return False
        return True
