"""The unit of a NIfTI file, and the factor from it to SUVbw."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seganypet.errors import ImageValueError, SegAnyPETWarning, SUVError
from seganypet.io.bids import override_options, read_sidecar, sidecar_path, sidecar_tags
from seganypet.io.suv import SUVOverrides, suv_conversion
from seganypet.io.suv_times import parse_override
from seganypet.volume import looks_like_bq_ml

_SUV_UNITS: Final = ("suv", "suvbw", "g/ml", "gml")
_BQ_ML_PER_UNIT: Final = {"bq/ml": 1.0, "bqml": 1.0, "bq/cc": 1.0, "kbq/ml": 1e3, "mbq/ml": 1e6}
_ENOUGH: Final = ("weight_kg", "dose_bq", "half_life_s", "injection_time", "reference_time")
# Every PET of a body reaches SUV 1 somewhere; a second conversion makes it 1000 times less.
_LEAST_MAXIMUM_SUV: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class SUVScale:
    """What a NIfTI file's values must be multiplied with to be SUVbw.

    Attributes:
        factor: SUVbw per value.
        record: How it came about, as `SUVConversion.record`. JSON-serialisable.
    """

    factor: float = 1.0
    record: Mapping[str, Any] = field(default_factory=dict)


def suv_scale(path: Path, array: npt.NDArray[np.float32], overrides: SUVOverrides | None = None) -> SUVScale:
    """Return the factor from a NIfTI file's values to SUVbw.

    Args:
        path: The NIfTI file, beside which a sidecar may lie.
        array: Its values.
        overrides: Values that replace the sidecar's.

    Raises:
        ImageReadError: A sidecar that is no JSON.
        ImageValueError: Values that look like CT; that look like Bq/ml, with nothing to convert them by; or
            that are called Bq/ml and look like SUV.
        SUVError: A unit that is not read; values in Bq/ml whose sidecar and overrides do not suffice.
    """
    overrides = overrides or SUVOverrides()
    _refuse_ct(array)
    sidecar = read_sidecar(sidecar_path(path))
    units = sidecar.get("Units")
    if units is None:
        if not looks_like_bq_ml(array[::2, ::2, ::2]):
            return _already_suv(path, "units: none given, SUV assumed", overrides)
        if not overrides.given() and "InjectedRadioactivity" not in sidecar:
            raise ImageValueError(
                "the values look like Bq/ml rather than SUV, unless this is CT or MR; give "
                f"{override_options(*_ENOUGH)}, or a BIDS sidecar {sidecar_path(path).name}, or read the DICOM series"
            )
        return _converted(path, array, sidecar, overrides, "Bq/mL")
    unit = str(units).strip().lower()
    if unit in _SUV_UNITS:
        return _already_suv(path, f"units: {units} (sidecar)", overrides)
    if unit not in _BQ_ML_PER_UNIT:
        raise SUVError(f"the sidecar's Units is {units!r}; expected Bq/mL or SUV; convert the image")
    return _converted(path, array, sidecar, overrides, str(units).strip())


def _refuse_ct(array: npt.NDArray[np.float32]) -> None:
    """Refuse what is mostly below zero, as only CT numbers are: converted from Bq/ml they could pass for SUV."""
    sample = array[::2, ::2, ::2]
    with np.errstate(invalid="ignore"):  # infinities are refused later, by name
        mean = float(sample.mean(dtype=np.float64)) if sample.size else 0.0
    if mean < 0:
        raise ImageValueError(
            f"the voxels are {mean:.4g} on average, the lowest {float(sample.min()):.4g}; SUV is not negative: is "
            "this CT or MR? Pass the PET image"
        )


def _already_suv(path: Path, branch: str, overrides: SUVOverrides) -> SUVScale:
    found = []
    if given := overrides.given():
        found.append(f"overrides without effect, as the values are SUV already: {', '.join(given)}")
    _warn(path, found)
    return SUVScale(record={"suvbw_factor": 1.0, "branch": [branch], "warnings": found})


def _converted(
    path: Path,
    array: npt.NDArray[np.float32],
    sidecar: Mapping[str, Any],
    overrides: SUVOverrides,
    units: str,
) -> SUVScale:
    conversion = suv_conversion(sidecar_tags(sidecar, overrides), _comparable(overrides))
    factor = conversion.suvbw_factor * _BQ_ML_PER_UNIT[units.lower()]
    highest = float(array.max()) * factor
    if highest < _LEAST_MAXIMUM_SUV:
        raise ImageValueError(
            f"taken as {units}, the highest voxel would be SUV {highest:.3g}: the image seems to be SUV "
            'already; set the sidecar\'s "Units" to "SUV", or leave the overrides out'
        )
    record = {**conversion.record, "suvbw_factor": factor, "units": units}
    _warn(path, conversion.warnings)
    return SUVScale(factor=factor, record=record)


def _warn(path: Path, texts: list[str]) -> None:
    for text in texts:
        warnings.warn(f"{path}: {text}", SegAnyPETWarning, stacklevel=5)


def _comparable(overrides: SUVOverrides) -> SUVOverrides:
    """Return overrides without dates, unless both times have one: the sidecar has none to compare with."""
    names = ("injection_time", "reference_time")
    values = {name: getattr(overrides, name) for name in names}
    parsed = {name: parse_override(name, value) for name, value in values.items() if value is not None}
    if len(parsed) == 2 and all(isinstance(value, datetime) for value in parsed.values()):
        return overrides
    clocks: dict[str, Any] = {
        name: (v.time() if isinstance(v, datetime) else v).isoformat() for name, v in parsed.items()
    }
    return replace(overrides, **clocks)
