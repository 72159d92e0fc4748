"""BIDS-PET sidecars: the JSON file beside a NIfTI file, as PET tags.

Times of a sidecar count from TimeZero, in s [BIDS specification 1.10, Positron Emission Tomography].
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from seganypet.errors import ImageReadError, SUVError
from seganypet.io.isotopes import HALF_LIVES_S, identify_nuclide
from seganypet.io.suv_tags import OVERRIDE_OPTIONS, FrameTags, PETTags, SUVOverrides

_BQ_PER_UNIT: Final = {
    "bq": 1.0, "kbq": 1e3, "mbq": 1e6, "gbq": 1e9, "uci": 3.7e4, "µci": 3.7e4, "μci": 3.7e4,
    "mci": 3.7e7, "ci": 3.7e10,
}  # fmt: skip
_WEIGHT_KEYS: Final = ("BodyWeight", "ParticipantWeight", "PatientWeight")
_NAMES: Final = {
    "units": "Units",
    "dose_bq": "InjectedRadioactivity",
    "weight_kg": _WEIGHT_KEYS[0],
    "injection_datetime": "InjectionStart",
    "injection_time": "TimeZero",
    "reference_datetime": "ImageDecayCorrectionTime",
    "decay_correction": "ImageDecayCorrected",
    "corrected_image": "AttenuationCorrection, ImageDecayCorrected",
    "acquisition_datetime": "FrameTimesStart",
    "series_datetime": "ScanStart",
    "duration_s": "FrameDuration",
    "radionuclide": "TracerRadionuclide",
    "radiopharmaceutical": "TracerName",
    "half_life_s": "half-life of TracerRadionuclide",
}
_MIDNIGHT: Final = datetime(1900, 1, 1)  # the sidecar holds no date, and only differences count


def sidecar_path(path: Path) -> Path:
    """Return where the BIDS sidecar of a NIfTI file lies: x.json for x.nii or x.nii.gz."""
    stem = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return path.with_name(stem).with_suffix(".json")


def read_sidecar(path: Path) -> Mapping[str, Any]:
    """Return the fields of a sidecar, none where the file is missing or holds something else.

    Raises:
        ImageReadError: The file is no JSON.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ImageReadError(
            f"sidecar {path.name} is no readable JSON ({error}); repair or remove it"
        ) from error
    return content if isinstance(content, dict) else {}  # other files end in .json too


def sidecar_tags(sidecar: Mapping[str, Any], overrides: SUVOverrides) -> PETTags:
    """Return a sidecar's fields as PET tags of an image in Bq/ml.

    Args:
        sidecar: The fields; without any, all must come from the overrides.
        overrides: What will replace the fields, and may therefore be missing among them.

    Raises:
        SUVError: A field is missing, of another type, or says that SUV cannot be computed.
    """
    _check_complete(sidecar, overrides)
    zero = _time_zero(sidecar, overrides)
    weight_key = next((key for key in _WEIGHT_KEYS if key in sidecar), _WEIGHT_KEYS[0])
    corrected = sidecar.get("ImageDecayCorrected")
    undecayed = corrected is False
    return PETTags(
        units="BQML",
        decay_correction="NONE" if undecayed else "START",
        corrected_image=("ATTN",) if undecayed else ("ATTN", "DECY"),
        weight_kg=_number(sidecar, weight_key),
        dose_bq=_dose_bq(sidecar),
        half_life_s=_half_life_s(sidecar, overrides),
        radionuclide=_text(sidecar, "TracerRadionuclide"),
        radiopharmaceutical=_text(sidecar, "TracerName"),
        injection_datetime=_moment(sidecar, "InjectionStart", zero),
        reference_datetime=None if undecayed else _moment(sidecar, "ImageDecayCorrectionTime", zero),
        frames=(_frame(sidecar, zero),),
        names={**_NAMES, "weight_kg": weight_key},
        warnings=_assumptions(sidecar),
    )


def override_options(*names: str) -> str:
    """Return names of overrides with their command-line options, for a message."""
    return ", ".join(f"{name} ({OVERRIDE_OPTIONS[name]})" for name in names)


def _check_complete(sidecar: Mapping[str, Any], overrides: SUVOverrides) -> None:
    """Refuse with all that is missing at once."""
    given = overrides.given()
    known = {key for key, value in sidecar.items() if value not in (None, "n/a", [])}
    needed = {
        "weight_kg": (not known.isdisjoint(_WEIGHT_KEYS), _WEIGHT_KEYS[0]),
        "dose_bq": ("InjectedRadioactivity" in known, "InjectedRadioactivity"),
        "injection_time": ("InjectionStart" in known, "InjectionStart"),
        "half_life_s": ("TracerRadionuclide" in known, "TracerRadionuclide"),
    }
    if sidecar.get("ImageDecayCorrected") is not False:
        held = {"ImageDecayCorrected", "ImageDecayCorrectionTime"} <= known
        needed["reference_time"] = (held, "ImageDecayCorrected with ImageDecayCorrectionTime")
    missing = [name for name, (held, _) in needed.items() if not held and name not in given]
    if missing:
        raise SUVError(
            f"the sidecar lacks {', '.join(needed[name][1] for name in missing)}; add it, or give "
            f"{override_options(*missing)}"
        )
    if str(sidecar.get("AttenuationCorrection", "")).strip().lower() in ("none", "false", "no"):
        raise SUVError(
            f"the sidecar's AttenuationCorrection is {sidecar['AttenuationCorrection']!r}: SUV needs "
            "attenuation correction; use the corrected image"
        )


def _assumptions(sidecar: Mapping[str, Any]) -> tuple[str, ...]:
    texts = []
    if "Units" not in sidecar:
        texts.append("no sidecar states the unit: taken as Bq/mL from the height of the values")
    if "AttenuationCorrection" not in sidecar:
        texts.append("no sidecar states AttenuationCorrection: taken as done")
    frames = sidecar.get("FrameDuration")
    if isinstance(frames, list) and len(frames) > 1:
        if sidecar.get("ImageDecayCorrected") is False:
            raise SUVError(
                f"the sidecar describes {len(frames)} frames without decay correction, the image holds one; "
                "convert each frame, or use the decay-corrected image"
            )
        texts.append(f"the sidecar describes {len(frames)} frames, the image holds one: taken as their mean")
    return tuple(texts)


def _time_zero(sidecar: Mapping[str, Any], overrides: SUVOverrides) -> datetime:
    """Return TimeZero on an arbitrary day."""
    value = sidecar.get("TimeZero")
    if value is None:
        one_clock = (overrides.injection_time is None) != (overrides.reference_time is None)
        if one_clock:
            raise SUVError(
                "the sidecar lacks TimeZero, without which a time of day cannot be compared with its "
                f"times; give both {override_options('injection_time', 'reference_time')}"
            )
        return _MIDNIGHT
    try:
        return datetime.combine(_MIDNIGHT, time.fromisoformat(str(value)).replace(tzinfo=None))
    except ValueError:
        raise SUVError(f"the sidecar's TimeZero is {value!r}; expected HH:MM:SS") from None


def _frame(sidecar: Mapping[str, Any], zero: datetime) -> FrameTags:
    start = "FrameTimesStart" if "FrameTimesStart" in sidecar else "ScanStart"
    return FrameTags(
        acquisition_datetime=_moment(sidecar, start, zero), duration_s=_number(sidecar, "FrameDuration")
    )


def _moment(sidecar: Mapping[str, Any], key: str, zero: datetime) -> datetime | None:
    seconds = _number(sidecar, key)
    return None if seconds is None else zero + timedelta(seconds=seconds)


def _dose_bq(sidecar: Mapping[str, Any]) -> float | None:
    dose = _number(sidecar, "InjectedRadioactivity")
    if dose is None:
        return None
    unit = sidecar.get("InjectedRadioactivityUnits")
    if str(unit).strip().lower() not in _BQ_PER_UNIT:
        raise SUVError(f"the sidecar's InjectedRadioactivityUnits is {unit!r}; expected MBq, Bq or mCi")
    return dose * _BQ_PER_UNIT[str(unit).strip().lower()]


def _half_life_s(sidecar: Mapping[str, Any], overrides: SUVOverrides) -> float | None:
    name = _text(sidecar, "TracerRadionuclide")
    nuclide = identify_nuclide(name)
    if nuclide is None and overrides.half_life_s is None:
        raise SUVError(
            f"the sidecar's TracerRadionuclide is {name!r}, whose half-life is not known here; give "
            f"{override_options('half_life_s')}"
        )
    return HALF_LIVES_S[nuclide] if nuclide else None


def _number(sidecar: Mapping[str, Any], key: str) -> float | None:
    """Return a number, or the first of a list of numbers; None where the field is missing."""
    value = sidecar.get(key)
    if isinstance(value, list) and value:
        value = value[0]
    if value is None or value == "n/a":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SUVError(f"the sidecar's {key} is {value!r:.60}; expected a number")
    return float(value)


def _text(sidecar: Mapping[str, Any], key: str) -> str | None:
    value = sidecar.get(key)
    return None if value is None else str(value)
