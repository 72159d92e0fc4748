"""Which of a file's many times is the injection, and which the time of decay correction."""

from __future__ import annotations

import math
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.errors import SUVError
from seganypet.io.suv import FrameTags, PETTags, SUVOverrides, suv_conversion
from seganypet.io.suv_times import mean_time_s

HALF_LIFE_S = 6586.2
SCAN = datetime(2024, 3, 1, 11)
LATER = datetime(2024, 3, 1, 15)
TEN = time(10)


def convert(*, acquisition: datetime | None = SCAN, overrides: SUVOverrides | None = None, **changes: Any):
    tags: dict[str, Any] = {
        "units": "BQML",
        "decay_correction": "START",
        "corrected_image": ("DECY", "ATTN"),
        "weight_kg": 70.0,
        "dose_bq": 350e6,
        "half_life_s": HALF_LIFE_S,
        "radionuclide": "18F",
        "series_datetime": SCAN,
        "injection_time": TEN,
        "frames": (FrameTags(acquisition_datetime=acquisition),),
    }
    return suv_conversion(PETTags(**(tags | changes)), overrides)


def delta_s(**kwargs: Any) -> float:
    """Seconds from injection to decay correction, recovered from the factor itself."""
    return HALF_LIFE_S * math.log2(convert(**kwargs).suvbw_factor / 2e-4)


def test_injection_datetime_goes_before_the_time_alone():
    conversion = convert(injection_datetime=datetime(2024, 3, 1, 10, 30))
    assert conversion.record["delta_t_s"] == 1800
    assert any("1078" in text and "1072" in text for text in conversion.warnings)


def test_injection_datetime_may_lie_days_before_a_scan_with_a_long_lived_nuclide():
    conversion = convert(
        injection_datetime=datetime(2024, 2, 27, 11), half_life_s=282_276.0, radionuclide="89Zr"
    )
    assert conversion.record["delta_t_s"] == 3 * 86_400  # 29 February lies between
    assert conversion.suvbw_factor == pytest.approx(2e-4 * 2 ** (259_200 / 282_276), rel=1e-9)


def test_injection_before_midnight_and_scan_after():
    scan = datetime(2024, 3, 1, 0, 20)
    conversion = convert(acquisition=scan, series_datetime=scan, injection_time=time(23, 20))
    assert conversion.record["injection"] == "2024-02-29T23:20:00"
    assert conversion.suvbw_factor == pytest.approx(2e-4 * 2 ** (3600 / HALF_LIFE_S), rel=1e-9)
    assert "injection time: day before, across midnight" in conversion.branch


def test_injection_a_little_after_the_scan_is_a_wrong_clock_rather_than_midnight():
    with pytest.raises(SUVError, match=r"\(0018,1072\).*11:05:00, after.*--injection-time"):
        convert(injection_time=time(11, 5))


def test_injection_datetime_after_the_scan_is_refused():
    with pytest.raises(SUVError, match=r"\(0018,1078\).*2024-03-02 10:00:00, after"):
        convert(injection_datetime=datetime(2024, 3, 2, 10))


def test_injection_years_before_the_scan_is_refused():
    # De-identification shifted the other dates only.
    with pytest.raises(SUVError, match="over 10 half-lives"):
        convert(injection_datetime=datetime(2020, 3, 1, 10))


def test_ge_private_injection_stands_in():
    conversion = convert(injection_time=None, ge_injection_datetime=datetime(2024, 3, 1, 10, 15))
    assert conversion.record["delta_t_s"] == 2700


def test_series_time_is_used_up_to_the_first_acquisition():
    assert delta_s(series_datetime=SCAN - timedelta(minutes=2)) == pytest.approx(58 * 60)


def test_series_stamped_anew_takes_the_ge_scan_time():
    known = {"series_datetime": LATER, "ge_scan_datetime": SCAN - timedelta(minutes=1)}
    assert delta_s(**known, siemens_reference_datetime=SCAN) == pytest.approx(59 * 60)


def test_series_stamped_anew_takes_the_siemens_reference_time():
    moved = SCAN - timedelta(minutes=3)
    assert delta_s(series_datetime=LATER, siemens_reference_datetime=moved) == pytest.approx(57 * 60)


def test_series_stamped_anew_is_computed_back_from_frame_reference_time():
    # The mean of a frame of one half-life, x = ln 2, is reached after T½/ln2 · ln(ln2 / 0.5) = 0.471234 T½.
    mean_s = 0.4712336 * HALF_LIFE_S
    frames = tuple(
        FrameTags(
            acquisition_datetime=SCAN + timedelta(seconds=start_s),
            duration_s=HALF_LIFE_S,
            reference_time_s=start_s + mean_s,
        )
        for start_s in (0, 600, 1200)
    )
    conversion = convert(series_datetime=LATER, frames=frames)
    assert conversion.factors == pytest.approx([2e-4 * 2 ** (3600 / HALF_LIFE_S)] * 3, rel=1e-6)
    assert conversion.branch[-2] == "reference time: computed back from FrameReferenceTime"


def test_frames_that_contradict_each_other_are_refused():
    frames = tuple(
        FrameTags(acquisition_datetime=SCAN, duration_s=240.0, reference_time_s=t) for t in (0.0, 1215.0)
    )
    with pytest.raises(SUVError, match=r"\(0054,1300\) FrameReferenceTime.*--reference-time.*11:00:00"):
        convert(series_datetime=LATER, frames=frames)
    overrides = SUVOverrides(reference_time="11:00:00")
    fixed = convert(series_datetime=LATER, frames=frames, overrides=overrides)
    assert fixed.record["delta_t_s"] == 3600


def test_without_frame_times_the_first_acquisition_stands_in_with_a_warning():
    conversion = convert(
        series_datetime=LATER,
        frames=tuple(FrameTags(acquisition_datetime=SCAN + timedelta(minutes=m)) for m in (4, 0, 8)),
    )
    assert conversion.record["delta_t_s"] == 3600
    assert "the first acquisition, 2024-03-01 11:00:00, was assumed" in conversion.warnings[0]


def test_series_time_stands_alone_with_a_warning():
    conversion = convert(acquisition=None)
    assert conversion.record["delta_t_s"] == 3600
    assert "(0008,0032) AcquisitionTime is missing" in conversion.warnings[0]


def test_no_time_at_all_is_refused():
    with pytest.raises(SUVError, match=r"SeriesTime.*AcquisitionTime are missing; give reference_time"):
        convert(acquisition=None, series_datetime=None)


def test_two_times_alone_count_from_each_other():
    overrides = SUVOverrides(injection_time="23:30", reference_time="00:30:00")
    conversion = convert(acquisition=None, series_datetime=None, overrides=overrides)
    assert conversion.record["delta_t_s"] == 3600


def test_vendor_time_that_contradicts_the_series_time_warns():
    assert convert(ge_scan_datetime=SCAN + timedelta(seconds=30)).warnings == []
    conversion = convert(siemens_reference_datetime=SCAN + timedelta(minutes=10))
    assert conversion.record["delta_t_s"] == 3600
    assert "would change SUV by 6.5%" in conversion.warnings[0]  # 2^(600/6586.2) = 1.0652


def test_series_time_long_before_the_first_acquisition_warns():
    assert "long after SeriesTime" in convert(acquisition=SCAN + timedelta(minutes=11)).warnings[0]


@given(uptake_s=st.integers(0, 43_200), scan_s=st.integers(0, 86_399))
def test_time_without_a_date_is_found_at_every_hour(uptake_s: int, scan_s: int):
    scan = datetime(2024, 3, 1) + timedelta(seconds=scan_s)
    injection = scan - timedelta(seconds=uptake_s)
    conversion = convert(acquisition=scan, series_datetime=scan, injection_time=injection.time())
    assert conversion.record["delta_t_s"] == uptake_s


@given(duration_s=st.floats(1, 36_000))
def test_mean_time_is_when_activity_equals_the_frame_mean(duration_s: float):
    decay = math.log(2) / HALF_LIFE_S
    mean = (1 - math.exp(-decay * duration_s)) / (decay * duration_s)
    assert math.exp(-decay * mean_time_s(duration_s, HALF_LIFE_S)) == pytest.approx(mean, rel=1e-9)
    assert 0 < mean_time_s(duration_s, HALF_LIFE_S) < duration_s / 2 * (1 + 1e-6)
