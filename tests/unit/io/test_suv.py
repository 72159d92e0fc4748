"""The decisions between tags and SUVbw, with factors computed by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.errors import SUVError
from seganypet.io.suv import FrameTags, PETTags, SUVOverrides, suv_conversion

SCAN = datetime(2024, 2, 29, 11)
# One half-life of F-18 before the scan, so that the decayed dose is half of 350 MBq.
TAGS = PETTags(
    units="BQML",
    decay_correction="START",
    corrected_image=("DECY", "ATTN"),
    weight_kg=70.0,
    height_m=1.80,
    sex="M",
    dose_bq=350e6,
    half_life_s=6586.2,
    radionuclide="^18^Fluorine",
    series_datetime=SCAN,
    injection_time=time(9, 10, 13, 800_000),
    frames=(FrameTags(acquisition_datetime=SCAN, duration_s=120.0),),
)


def convert(overrides: SUVOverrides | None = None, **changes: Any):
    return suv_conversion(dataclasses.replace(TAGS, **changes), overrides)


def test_start_decays_the_dose_to_the_series_time():
    # 70 kg × 1000 g/kg / (350e6 Bq / 2)
    conversion = convert()
    assert conversion.suvbw_factor == pytest.approx(4e-4, rel=1e-9)
    assert conversion.factors == (conversion.suvbw_factor,)
    assert conversion.warnings == []


def test_admin_leaves_the_dose_undecayed():
    assert convert(decay_correction="ADMIN").suvbw_factor == pytest.approx(2e-4, rel=1e-12)


def test_admin_needs_neither_times_nor_half_life():
    bare = convert(decay_correction="ADMIN", injection_time=None, half_life_s=None, series_datetime=None)
    assert bare.suvbw_factor == pytest.approx(2e-4, rel=1e-12)


def test_none_corrects_each_frame_to_the_injection():
    # Frames that last one half-life, x = ln 2: x / (1 - e^-x) = 2 ln 2; they start one and two half-lives
    # after the injection.
    frames = (
        FrameTags(acquisition_datetime=SCAN, duration_s=6586.2),
        FrameTags(acquisition_datetime=datetime(2024, 2, 29, 12, 49, 46, 200_000), duration_s=6586.2),
    )
    conversion = convert(decay_correction="NONE", corrected_image=("ATTN",), frames=frames)
    assert conversion.factors == pytest.approx(
        [2e-4 * 2 * 2 * math.log(2), 2e-4 * 4 * 2 * math.log(2)], rel=1e-9
    )
    assert conversion.suvbw_factor == pytest.approx(2e-4 * 6 * math.log(2), rel=1e-9)
    assert conversion.record["suvbw_factor_per_slice"] == pytest.approx(conversion.factors)


@pytest.mark.parametrize(
    ("suv_type", "sex", "factor"),
    [
        # 80 kg, 1.80 m: W/H² = (80/180 cm)² = 0.1975309, BMI 24.691358
        (None, "M", 1.0),
        ("BW", "F", 1.0),
        ("LBM", "M", 80 / 64.296296),  # 88 - 120 × 0.1975309
        ("LBM", "F", 80 / 56.365432),  # 85.6 - 148 × 0.1975309
        ("LBMJAMES128", "M", 80 / 62.716049),  # 88 - 128 × 0.1975309
        ("LBMJANMA", "M", 12_013.33333 / 9270),  # 6680 + 216 × BMI
        ("LBMJANMA", "F", 14_804.69136 / 9270),  # 8780 + 244 × BMI
        ("IBW", "M", 80 / 77.68),  # 48 + 1.06 × 28
        ("IBW", "F", 80 / 70.98),  # 45.5 + 0.91 × 28
    ],
)
def test_suv_of_other_norms_becomes_suvbw(suv_type: str | None, sex: str, factor: float):
    conversion = convert(units="GML", suv_type=suv_type, weight_kg=80.0, sex=sex)
    assert conversion.suvbw_factor == pytest.approx(factor, rel=1e-6)


def test_body_surface_becomes_suvbw():
    # Du Bois: 80 kg, 180 cm have 1.99642 m²; 80 / 19.9642
    assert convert(units="CM2ML", weight_kg=80.0).suvbw_factor == pytest.approx(4.00718, rel=1e-5)


def test_philips_suv_factor_goes_before_the_activity_factor():
    conversion = convert(units="CNTS", philips_suv_factor=0.0008, philips_activity_factor=2.0)
    assert conversion.suvbw_factor == 0.0008  # and 2.0 × 4e-4 agrees
    assert conversion.warnings == []
    assert conversion.record["suvbw_factor_from_philips_activity"] == pytest.approx(0.0008, rel=1e-9)


def test_philips_factors_that_disagree_warn():
    conversion = convert(units="CNTS", philips_suv_factor=0.0009, philips_activity_factor=2.0)
    assert conversion.suvbw_factor == 0.0009
    assert "7053,1009" in conversion.warnings[0]


def test_philips_suv_factor_stands_where_the_other_cannot_be_computed():
    conversion = convert(units="CNTS", philips_suv_factor=0.0008, philips_activity_factor=2.0, dose_bq=None)
    assert conversion.suvbw_factor == 0.0008
    assert "RadionuclideTotalDose is missing" in conversion.record["philips_activity_comparison"]


@pytest.mark.parametrize("suv_factor", [None, 0.0])
def test_philips_activity_factor_continues_as_bq_ml(suv_factor: float | None):
    conversion = convert(units="CNTS", philips_suv_factor=suv_factor, philips_activity_factor=2.0)
    assert conversion.suvbw_factor == pytest.approx(8e-4, rel=1e-9)


def test_overrides_act_on_philips_counts_through_the_activity_factor():
    overrides = SUVOverrides(weight_kg=140)
    conversion = convert(overrides, units="CNTS", philips_suv_factor=0.0008, philips_activity_factor=2.0)
    assert conversion.suvbw_factor == pytest.approx(16e-4, rel=1e-9)


@pytest.mark.parametrize(
    ("overrides", "factor"),
    [
        (SUVOverrides(weight_kg=35), 2e-4),
        (SUVOverrides(dose_bq=700e6), 2e-4),
        (SUVOverrides(half_life_s=3293.1), 8e-4),
        (SUVOverrides(injection_time="11:00:00"), 2e-4),
        (SUVOverrides(injection_time="2024-02-29T11:00:00"), 2e-4),
        (SUVOverrides(injection_time=SCAN), 2e-4),
        (SUVOverrides(reference_time="09:10:13.8"), 2e-4),
        (SUVOverrides(reference_time="2024-02-29T12:49:46.2"), 8e-4),
    ],
)
def test_overrides_replace_the_tags(overrides: SUVOverrides, factor: float):
    conversion = convert(overrides)
    assert conversion.suvbw_factor == pytest.approx(factor, rel=1e-9)
    assert list(conversion.record["overrides"]) == list(overrides.given())


def test_height_and_sex_can_be_overridden():
    conversion = convert(
        SUVOverrides(height_m=1.80, sex="f"), units="GML", suv_type="IBW", height_m=None, sex="O"
    )
    assert conversion.suvbw_factor == pytest.approx(70 / 70.98, rel=1e-9)


def test_an_override_without_effect_is_told():
    assert "weight_kg" in convert(SUVOverrides(weight_kg=80), units="GML").warnings[0]


def test_a_stated_reference_time_replaces_decay_correction():
    conversion = convert(decay_correction=None, reference_datetime=SCAN, series_datetime=None)
    assert conversion.suvbw_factor == pytest.approx(4e-4, rel=1e-9)


def test_record_is_json_and_names_every_tag_used():
    record = json.loads(json.dumps(convert(SUVOverrides(weight_kg=35)).record))
    assert record["suvbw_factor"] == pytest.approx(2e-4)
    assert record["tags"]["(0018,1074) RadionuclideTotalDose"] == 350e6
    assert record["tags"]["(0018,1072) RadiopharmaceuticalStartTime"] == "09:10:13.800000"
    assert "(0010,1030) PatientWeight" not in record["tags"]
    assert record["overrides"] == {"weight_kg": 35}
    assert record["delta_t_s"] == 6586.2
    assert record["branch"][0] == "units: BQML"


def test_names_of_another_format_are_used_in_messages():
    with pytest.raises(SUVError, match="InjectedRadioactivity is missing"):
        convert(dose_bq=None, names={"dose_bq": "InjectedRadioactivity"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": None}, r"\(0054,1001\) Units is ''.*Bq/ml"),
        ({"units": "PROPCPS"}, "Units is 'PROPCPS'"),
        ({"units": "CNTS", "philips_suv_factor": -1.0}, "the factor to SUV comes to -1"),
        ({"units": "CNTS"}, r"\(7053,1000\).*missing or 0"),
        ({"units": "GML", "suv_type": "BSA"}, r"\(0054,1006\) SUVType is 'BSA'"),
        ({"units": "CM2ML", "suv_type": "BW"}, r"SUVType is 'BW' with Units CM2ML"),
        ({"units": "GML", "suv_type": "LBM", "height_m": None}, r"\(0010,1020\) PatientSize.*--height"),
        ({"units": "GML", "suv_type": "LBM", "height_m": 180.0}, "PatientSize is 180; expected m"),
        ({"units": "GML", "suv_type": "LBM", "sex": "O"}, r"\(0010,0040\) PatientSex is 'O'.*--sex"),
        ({"units": "GML", "suv_type": "LBM", "weight_kg": 400.0, "height_m": 1.2}, "LBM of 400 kg"),
        ({"weight_kg": None}, r"\(0010,1030\) PatientWeight is missing; give weight_kg \(--weight-kg KG\)"),
        ({"weight_kg": 0.0}, "PatientWeight is 0; expected a number above 0"),
        ({"weight_kg": -70.0}, "PatientWeight is -70"),
        ({"weight_kg": math.nan}, "PatientWeight is nan"),
        ({"weight_kg": 70_000.0}, "PatientWeight is 70000; expected kg"),
        ({"dose_bq": None}, r"\(0018,1074\) RadionuclideTotalDose is missing.*--dose"),
        ({"dose_bq": 0.0}, "RadionuclideTotalDose is 0"),
        ({"dose_bq": 350.0}, r"RadionuclideTotalDose is 350.*MBq.*such as 3\.5e\+08"),
        ({"dose_bq": 350e3}, r"RadionuclideTotalDose is 350000.*such as 3\.5e\+08 Bq if it is in kBq$"),
        ({"dose_bq": 9.5}, r"such as 9\.5e\+06 Bq if it is in MBq, 3\.515e\+08 Bq if it is in mCi$"),
        ({"dose_bq": 0.001}, r"--dose-mbq MBQ\)$"),
        ({"dose_bq": 350e12}, r"is 3\.5e\+14 Bq, more than any patient gets.*--dose-bq BQ"),
        ({"half_life_s": None}, r"\(0018,1075\) RadionuclideHalfLife is missing.*6586.2 for F-18"),
        ({"half_life_s": 109.77}, "RadionuclideHalfLife is 109.77, but F-18 has 6586.2 s"),
        ({"decay_correction": None}, r"\(0054,1102\) DecayCorrection is ''.*--reference-time"),
        ({"decay_correction": "STOP"}, "DecayCorrection is 'STOP'"),
        ({"decay_correction": "NONE"}, "NONE, but .*with DECY"),
        ({"corrected_image": ("ATTN",)}, r"'START', but \(0028,0051\) CorrectedImage is ATTN, without DECY"),
        (
            {"corrected_image": ("DECY",)},
            "CorrectedImage is DECY, without ATTN; read the attenuation-corrected",
        ),
        ({"corrected_image": None}, "CorrectedImage is missing and .*AttenuationCorrectionMethod is None"),
        ({"injection_time": None}, r"\(0018,1078\).*\(0018,1072\).*missing; give injection_time"),
    ],
)
def test_unusable_tags_are_refused_by_name(changes: dict[str, Any], message: str):
    with pytest.raises(SUVError, match=message) as error:
        convert(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (SUVOverrides(weight_kg=0), "override weight_kg is 0"),
        (SUVOverrides(dose_bq=350), "override dose_bq is 350"),
        (SUVOverrides(injection_time="quarter past ten"), "override injection_time is 'quarter past ten'"),
        (
            SUVOverrides(injection_time="2024-02-29T12:00:00"),
            "override injection_time is 2024-02-29 12:00:00, after",
        ),
        (SUVOverrides(reference_time="10:00:00+01:00"), "override reference_time .* time zone"),
    ],
)
def test_unusable_overrides_are_refused_by_name(overrides: SUVOverrides, message: str):
    with pytest.raises(SUVError, match=message):
        convert(overrides)


def test_missing_frame_times_refuse_decay_correction_none():
    frames = (FrameTags(acquisition_datetime=SCAN),)
    with pytest.raises(SUVError, match=r"\(0018,1242\) ActualFrameDuration is None"):
        convert(decay_correction="NONE", corrected_image=("ATTN",), frames=frames)


def test_reference_override_settles_contradicting_decay_tags():
    conversion = convert(SUVOverrides(reference_time="11:00:00"), decay_correction="NONE")
    assert conversion.suvbw_factor == pytest.approx(4e-4, rel=1e-9)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"corrected_image": None, "attenuation_method": "CT"}, "CorrectedImage is missing"),
        ({"half_life_s": 6800.0}, "RadionuclideHalfLife is 6800 s; F-18 has 6586.2 s"),
        ({"radionuclide": None}, "no known radionuclide"),
        ({"injection_time": time(10, 45)}, "only 15 min from injection"),
        ({"injection_time": time(6, 0)}, "5.0 h from injection"),
        ({"dose_bq": 3e10}, "unusually large dose"),
    ],
)
def test_doubtful_tags_warn(changes: dict[str, Any], message: str):
    conversion = convert(**changes)
    assert any(message in text for text in conversion.warnings)
    assert conversion.record["warnings"] == conversion.warnings


def test_fdg_in_free_text_names_the_nuclide():
    assert convert(radionuclide=None, radiopharmaceutical="FDG -- fluorodeoxyglucose").warnings == []


@given(
    weight_kg=st.floats(1, 400),
    dose_bq=st.floats(1e7, 1e10),
    scale=st.floats(0.5, 2),
    seconds=st.integers(0, 39_600),
)
def test_factor_is_proportional_to_weight_and_inverse_to_decayed_dose(
    weight_kg: float, dose_bq: float, scale: float, seconds: int
):
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    factor = convert(weight_kg=weight_kg, dose_bq=dose_bq, injection_time=clock).suvbw_factor
    decayed_bq = dose_bq * 0.5 ** ((11 * 3600 - seconds) / 6586.2)
    assert factor == pytest.approx(1000 * weight_kg / decayed_bq, rel=1e-9)
    scaled = convert(weight_kg=weight_kg, dose_bq=dose_bq * scale, injection_time=clock).suvbw_factor
    assert scaled * scale == pytest.approx(factor, rel=1e-9)
