"""`NoiseConfig`: how often labels of low quality are wrong in which way, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, fields

from seganypet.errors import UsageError

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class NoiseConfig:
    """Probabilities and sizes of labelling errors; the default makes none. Ranges are drawn from uniformly.

    Attributes:
        organ_missing: Probability that an organ was never labelled.
        organ_window: Probability that an organ was contoured by an SUV window.
        organ_coarse: Probability that an organ's label was made on a coarser grid.
        organ_boundary: Probability that an organ's border is displaced.
        organ_slices: Probability that an organ has wrong slices (cut ends, copied or interpolated ones).
        organ_leak: Probability that an organ takes a piece of a neighbouring organ.
        parts_moved: Probability that the divides inside an organ (lobes, chambers) are drawn separately and wrong.
        parts_merged: Probability that one part of an organ (a lung lobe) is given to another.
        sides_swapped: Probability that left and right of a pair are swapped, for each pair.
        map_shifted: Probability that all organs of the case are misregistered by one shift.
        breathing: Probability that the organs around the diaphragm were outlined in another breath.
        lesion_missed: Probability that a lesion is missed: an easy one, and the hardest.
        lesion_threshold: Probability that a lesion was contoured by an SUV threshold.
        lesion_coarse: Probability that a lesion's label was made on a coarser grid.
        lesion_boundary: Probability that a lesion's border is displaced.
        lesion_slices: Probability that a lesion has wrong slices.
        lesion_merged: Probability that two neighbouring lesions are labelled as one, for each pair.
        false_positives: Mean number of physiological hot spots labelled as lesions in a case (Poisson).
        habit_mm: Standard deviation between cases of the border's offset, outward positive, in mm: the
            annotator's habit.
        offset_mm: Standard deviation between the targets of a case of the border's offset, in mm.
        wave_mm: Standard deviation of the border's smooth random displacement along one target, in mm.
        wave_length_mm: Distance over which that displacement changes, in mm.
        coarse_mm: Voxel size of coarser grids, in mm.
        shift_mm: Length of a misregistration, and way of the diaphragm between breaths, in mm.
        reach_mm: How far beyond the true border a threshold contour may leak before it is cut off, in mm.
        leak_mm: Radius of what is taken from a neighbouring organ, in mm.
        merge_gap_mm: Widest gap between lesions that are taken for one, in mm.

    Raises:
        UsageError: A probability is outside 0 to 1, or a size is negative, reversed or 0 where it must not be.
    """

    organ_missing: float = 0.0
    organ_window: float = 0.0
    organ_coarse: float = 0.0
    organ_boundary: float = 0.0
    organ_slices: float = 0.0
    organ_leak: float = 0.0
    parts_moved: float = 0.0
    parts_merged: float = 0.0
    sides_swapped: float = 0.0
    map_shifted: float = 0.0
    breathing: float = 0.0
    lesion_missed: tuple[float, float] = (0.0, 0.0)
    lesion_threshold: float = 0.0
    lesion_coarse: float = 0.0
    lesion_boundary: float = 0.0
    lesion_slices: float = 0.0
    lesion_merged: float = 0.0
    false_positives: float = 0.0
    habit_mm: float = 0.7
    offset_mm: float = 1.0
    wave_mm: Range = (1.0, 2.5)
    wave_length_mm: Range = (15.0, 50.0)
    coarse_mm: Range = (6.0, 10.0)
    shift_mm: Range = (3.0, 10.0)
    reach_mm: Range = (4.0, 12.0)
    leak_mm: Range = (10.0, 25.0)
    merge_gap_mm: float = 12.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "lesion_missed" or not item.name.endswith("_mm"):
                self._check_probability(item.name, value)
            elif isinstance(value, tuple):
                _check_range(item.name, value)
            elif not 0 <= value < float("inf"):
                raise UsageError(f"{item.name} is {value}; expected 0 mm or more")

    def _check_probability(self, name: str, value: float | tuple[float, float]) -> None:
        most = float("inf") if name == "false_positives" else 1.0
        values = value if isinstance(value, tuple) else (value,)
        if not all(0 <= one <= most for one in values):
            raise UsageError(f"{name} is {value}; expected " + ("0 or more" if most > 1 else "0 to 1"))


def _check_range(name: str, value: Range) -> None:
    """Refuse ranges that are reversed or negative, and lengths of 0 that are divided by."""
    low, high = value
    least_open = name in ("wave_length_mm", "coarse_mm")
    if not 0 <= low <= high < float("inf") or (least_open and low == 0):
        bound = "0 < lowest" if least_open else "0 <= lowest"
        raise UsageError(f"{name} is ({low}, {high}); expected {bound} <= highest, in mm")


def mild() -> NoiseConfig:
    """Return the errors of careful annotators: borders within about a voxel, hardly anything missed."""
    return NoiseConfig(
        organ_missing=0.005,
        organ_window=0.05,
        organ_coarse=0.1,
        organ_boundary=0.7,
        organ_slices=0.1,
        organ_leak=0.02,
        parts_moved=0.5,
        map_shifted=0.05,
        breathing=0.1,
        lesion_missed=(0.005, 0.1),
        lesion_threshold=0.15,
        lesion_coarse=0.05,
        lesion_boundary=0.6,
        lesion_slices=0.05,
        lesion_merged=0.1,
        false_positives=0.2,
        habit_mm=0.4,
        offset_mm=0.6,
        wave_mm=(0.5, 1.5),
        coarse_mm=(5.0, 7.0),
        shift_mm=(2.0, 5.0),
        reach_mm=(2.0, 6.0),
        leak_mm=(8.0, 14.0),
    )


def typical() -> NoiseConfig:
    """Return the errors of unchecked labels: a model's proposal, mended by one junior annotator."""
    return NoiseConfig(
        organ_missing=0.015,
        organ_window=0.08,
        organ_coarse=0.15,
        organ_boundary=0.8,
        organ_slices=0.2,
        organ_leak=0.08,
        parts_moved=0.7,
        parts_merged=0.02,
        sides_swapped=0.005,
        map_shifted=0.08,
        breathing=0.2,
        lesion_missed=(0.02, 0.25),
        lesion_threshold=0.35,
        lesion_coarse=0.1,
        lesion_boundary=0.7,
        lesion_slices=0.1,
        lesion_merged=0.3,
        false_positives=0.8,
        habit_mm=0.6,
        offset_mm=0.9,
        wave_mm=(0.8, 2.2),
        shift_mm=(2.0, 8.0),
    )


def severe() -> NoiseConfig:
    """Return the errors of labels that nobody looked at: a weak model on another scanner or tracer."""
    return NoiseConfig(
        organ_missing=0.06,
        organ_window=0.2,
        organ_coarse=0.35,
        organ_boundary=0.9,
        organ_slices=0.3,
        organ_leak=0.2,
        parts_moved=0.9,
        parts_merged=0.08,
        sides_swapped=0.03,
        map_shifted=0.2,
        breathing=0.3,
        lesion_missed=(0.08, 0.5),
        lesion_threshold=0.6,
        lesion_coarse=0.2,
        lesion_boundary=0.8,
        lesion_slices=0.2,
        lesion_merged=0.6,
        false_positives=2.5,
        habit_mm=1.2,
        offset_mm=1.5,
        wave_mm=(1.2, 3.2),
        coarse_mm=(7.0, 12.0),
        shift_mm=(3.0, 12.0),
        reach_mm=(6.0, 20.0),
        leak_mm=(15.0, 35.0),
        merge_gap_mm=20.0,
    )
