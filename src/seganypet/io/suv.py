"""From PET tags to the factor that turns pixel values into SUV normalised to body weight.

The order of decisions is that of the QIBA vendor-neutral algorithm, with the vendors' private tags and the
variants of the Image Biomarker Standardisation Initiative. Every decision is written into the record.
No file format is known here: the readers of DICOM and of BIDS fill in the same tags.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seganypet.errors import SUVError
from seganypet.io import suv_norms
from seganypet.io.suv_activity import activity_factors
from seganypet.io.suv_tags import FrameTags, Ledger, PETTags, SUVOverrides, remedy
from seganypet.io.suv_values import height_m_of, sex_of, weight_kg_of

__all__ = ["FrameTags", "PETTags", "SUVConversion", "SUVOverrides", "suv_conversion"]


@dataclass(frozen=True, kw_only=True)
class SUVConversion:
    """How to turn pixel values, after slope and intercept, into SUVbw.

    Attributes:
        factors: SUV per pixel value, one for each frame of the tags.
        suvbw_factor: The factor; where frames differ (DecayCorrection NONE), their median.
        branch: The decisions taken, in order.
        warnings: What was assumed, or is unusual.
        record: All of this with every tag and override used. JSON-serialisable.
    """

    factors: tuple[float, ...]
    suvbw_factor: float
    branch: list[str]
    warnings: list[str]
    record: Mapping[str, Any]


def suv_conversion(tags: PETTags, overrides: SUVOverrides | None = None) -> SUVConversion:
    """Return the factor from pixel values to SUVbw, in g/ml, with the reasons for it.

    Args:
        tags: Values of the file.
        overrides: Values that replace the file's.

    Raises:
        SUVError: A value is missing, impossible or contradicts another; the message names it and the remedy.
    """
    ledger = Ledger(tags, overrides or SUVOverrides(), warnings=list(tags.warnings))
    _check_corrections(ledger)
    factors = _factors(ledger)
    if not all(math.isfinite(f) and f > 0 for f in factors):
        raise SUVError(
            f"the factor to SUV comes to {factors[0]:g}; expected a number above 0; check the tags"
        )
    unused = [name for name in ledger.overrides.given() if name not in ledger.overridden]
    if unused:
        ledger.warn(f"overrides without effect on this image ({ledger.branch[0]}): {', '.join(unused)}")
    return _conversion(ledger, factors)


def _conversion(ledger: Ledger, factors: list[float]) -> SUVConversion:
    factor = statistics.median(factors)
    differ = max(factors) - min(factors) > 1e-9 * factor
    record = {
        "suvbw_factor": factor,
        "suvbw_factor_per_slice": factors if differ else None,
        "branch": ledger.branch,
        "tags": ledger.used,
        "overrides": ledger.overridden,
        **ledger.facts,
        "warnings": ledger.warnings,
    }
    return SUVConversion(
        factors=tuple(factors),
        suvbw_factor=factor,
        branch=ledger.branch,
        warnings=ledger.warnings,
        record=record,
    )


def _check_corrections(ledger: Ledger) -> None:
    """Refuse images that are not corrected for attenuation, or that contradict themselves about decay."""
    applied: tuple[str, ...] | None = ledger.tag("corrected_image")
    name = ledger.tags.name_of("corrected_image")
    decay = (ledger.tags.decay_correction or "").upper()
    if not applied:
        method: str | None = ledger.tag("attenuation_method")
        if not method or method.upper().startswith("NONE"):
            raise SUVError(
                f"{name} is missing and {ledger.tags.name_of('attenuation_method')} is {method!r}: SUV needs "
                "attenuation correction; read the attenuation-corrected series"
            )
        ledger.warn(f"{name} is missing: attenuation correction assumed from method {method!r}")
        return
    text = "\\".join(applied)
    if "ATTN" not in applied:
        raise SUVError(f"{name} is {text}, without ATTN; read the attenuation-corrected series instead")
    corrected = "DECY" in applied or "DECAY" in applied
    if ledger.overrides.reference_time is not None:
        return
    label = ledger.tags.name_of("decay_correction")
    if decay == "NONE" and corrected:
        raise SUVError(f"{label} is NONE, but {name} is {text}, with DECY; {remedy('reference_time')}")
    if decay != "NONE" and not corrected:
        raise SUVError(
            f"{label} is {decay!r}, but {name} is {text}, without DECY; {remedy('reference_time')}"
        )


def _factors(ledger: Ledger) -> list[float]:
    units = (ledger.tag("units") or "").strip().upper()
    ledger.branch.append(f"units: {units}")
    if units == "BQML":
        return activity_factors(ledger)
    if units == "CNTS":
        return _philips_factors(ledger)
    frames = len(ledger.tags.frames)
    if units == "GML":
        return [_from_normalised(ledger)] * frames
    if units == "CM2ML":
        return [_from_body_surface(ledger)] * frames
    raise SUVError(
        f"{ledger.tags.name_of('units')} is {units!r}; expected BQML, GML, CM2ML, or CNTS with Philips' "
        "private factors; export the series in Bq/ml"
    )


def _from_normalised(ledger: Ledger) -> float:
    """Return the factor from SUV of any norm to SUVbw, for pixels in g/ml."""
    suv_type = (ledger.tag("suv_type") or "BW").strip().upper()
    ledger.branch.append(f"SUV type: {suv_type}")
    if suv_type == "BW":
        return 1.0
    if suv_type not in ("LBM", "LBMJAMES128", "LBMJANMA", "IBW"):
        raise SUVError(
            f"{ledger.tags.name_of('suv_type')} is {suv_type!r} with Units GML; expected BW, LBM, "
            "LBMJAMES128, LBMJANMA or IBW; export the series in Bq/ml"
        )
    weight_kg, height_m, sex = weight_kg_of(ledger), height_m_of(ledger), sex_of(ledger)
    norm_kg = suv_norms.norm_kg(suv_type, weight_kg, height_m, sex)
    if norm_kg <= 0:
        raise SUVError(
            f"{suv_type} of {weight_kg:g} kg at {height_m:g} m comes to {norm_kg:.3g} kg; "
            f"{remedy('weight_kg')} or {remedy('height_m')}"
        )
    ledger.facts["norm_kg"] = norm_kg
    return weight_kg / norm_kg


def _from_body_surface(ledger: Ledger) -> float:
    suv_type = (ledger.tag("suv_type") or "BSA").strip().upper()
    ledger.branch.append(f"SUV type: {suv_type}")
    if suv_type != "BSA":
        raise SUVError(
            f"{ledger.tags.name_of('suv_type')} is {suv_type!r} with Units CM2ML; expected BSA; "
            "export the series in Bq/ml"
        )
    weight_kg = weight_kg_of(ledger)
    surface_m2 = suv_norms.body_surface_m2(weight_kg, height_m_of(ledger))
    ledger.facts["body_surface_m2"] = surface_m2
    return weight_kg / (suv_norms.WEIGHT_KG_PER_BSA * surface_m2)


def _philips_factors(ledger: Ledger) -> list[float]:
    suv_factor: float = ledger.tag("philips_suv_factor") or 0.0
    activity_factor: float = ledger.tag("philips_activity_factor") or 0.0
    if suv_factor and not (activity_factor and ledger.overrides.given()):
        ledger.branch.append("counts: Philips SUV scale factor (7053,1000)")
        if activity_factor:
            _compare_philips(ledger, suv_factor, activity_factor)
        return [suv_factor] * len(ledger.tags.frames)
    if activity_factor:
        ledger.branch.append("counts: Philips activity concentration scale factor (7053,1009)")
        return [activity_factor * f for f in activity_factors(ledger)]
    names = [ledger.tags.name_of(n) for n in ("philips_suv_factor", "philips_activity_factor")]
    raise SUVError(
        f"{ledger.tags.name_of('units')} is CNTS, but {names[0]} and {names[1]} are missing or 0 (removed by "
        "de-identification?); export the series in Bq/ml"
    )


def _compare_philips(ledger: Ledger, suv_factor: float, activity_factor: float) -> None:
    trial = Ledger(ledger.tags, ledger.overrides)
    try:
        other = activity_factor * statistics.median(activity_factors(trial))
    except SUVError as error:
        ledger.facts["philips_activity_comparison"] = f"not possible: {error}"
        return
    ledger.facts["suvbw_factor_from_philips_activity"] = other
    if abs(other / suv_factor - 1) > 0.01:
        ledger.warn(
            f"{ledger.tags.name_of('philips_suv_factor')} gives {suv_factor:.5g}, "
            f"{ledger.tags.name_of('philips_activity_factor')} {other:.5g} SUV per count: the former was used"
        )
