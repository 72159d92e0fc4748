"""DICOM dates, times and private values."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from seganypet.errors import ImageReadError, SUVError
from seganypet.io.dicom_values import (
    number,
    numbers,
    private_number,
    private_text,
    tag_name,
    text,
    texts,
    to_date,
    to_datetime,
    to_time,
)
from synthetic_dicom import add_private

PHILIPS = "Philips PET Private Group"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("103500", time(10, 35)),
        ("103500.00", time(10, 35)),
        ("103500.000000 ", time(10, 35)),
        ("103500.25", time(10, 35, 0, 250_000)),
        ("1035", time(10, 35)),
        ("10", time(10)),
        ("10:35:00", time(10, 35)),
    ],
)
def test_times(value: str, expected: time):
    assert to_time(value, "T") == expected


@pytest.mark.parametrize("value", ["20240229", "2024.02.29"])
def test_dates(value: str):
    assert to_date(value, "D") == date(2024, 2, 29)


@pytest.mark.parametrize("value", ["246000", "1", "noon", ""])
def test_no_time_is_refused(value: str):
    with pytest.raises(SUVError, match=r"T is .*expected HHMMSS"):
        to_time(value, "T")


@pytest.mark.parametrize("value", ["20230229", "29.02.2024", ""])
def test_no_date_is_refused(value: str):
    with pytest.raises(SUVError, match=r"D is .*expected YYYYMMDD"):
        to_date(value, "D")


@pytest.mark.parametrize(
    ("value", "local_offset", "expected", "warns"),
    [
        ("20240229103500.000", None, datetime(2024, 2, 29, 10, 35), False),
        ("20240229103500+0100", "+0100", datetime(2024, 2, 29, 10, 35), False),
        ("20240229233500.00+0000", "+0100", datetime(2024, 3, 1, 0, 35), False),
        ("20240229103500-0500", None, datetime(2024, 2, 29, 10, 35), True),
    ],
)
def test_datetimes(value: str, local_offset: str | None, expected: datetime, warns: bool):
    moment, warning = to_datetime(value, "DT", local_offset=local_offset)
    assert moment == expected
    assert (warning is not None) == warns


@pytest.mark.parametrize("value", ["20240229", "2024022", "tomorrow at noon"])
def test_no_datetime_is_refused(value: str):
    with pytest.raises(SUVError, match="DT is"):
        to_datetime(value, "DT")


def test_absent_and_empty_values_are_none():
    data = Dataset()
    data.PatientWeight = None
    assert number(data, "PatientWeight") is None
    assert number(data, "PatientSize") is None
    assert numbers(data, "PixelSpacing") == ()
    assert texts(data, "CorrectedImage") == ()


def test_several_values():
    data = Dataset()
    data.CorrectedImage, data.PixelSpacing = ["DECY", "ATTN"], [4.5, 5]
    assert texts(data, "CorrectedImage") == ("DECY", "ATTN")
    assert text(data, "CorrectedImage") == "DECY\\ATTN"
    assert numbers(data, "PixelSpacing") == (4.5, 5.0)


def test_tag_name():
    assert tag_name("PatientWeight") == "(0010,1030) PatientWeight"


def test_number_that_is_none_is_refused():
    data = Dataset()
    data.SeriesDescription = "seventy"
    with pytest.raises(SUVError, match=r"\(0008,103E\) SeriesDescription is 'seventy'; expected a number"):
        number(data, "SeriesDescription")


def test_garbled_bytes_are_refused():
    data = Dataset()
    tag = Tag(0x0010, 0x1030)
    data[tag] = RawDataElement(tag, "ZZ", 2, b"70", 0, False, True)
    with pytest.raises(ImageReadError, match=r"\(0010,1030\) PatientWeight is garbled"):
        number(data, "PatientWeight")


def test_private_value_is_found_in_any_block_of_its_creator():
    data = Dataset()
    add_private(data, 0x7053, "SOMEBODY ELSE", {0x00: ("DS", "9")})
    add_private(data, 0x7053, PHILIPS, {0x00: ("DS", "0.5")})
    assert private_number(data, 0x7053, 0x00, PHILIPS) == 0.5
    assert private_number(data, 0x7053, 0x09, PHILIPS) is None


def test_private_value_of_another_creator_is_left_alone():
    data = Dataset()
    add_private(data, 0x7053, "SOMEBODY ELSE", {0x00: ("DS", "9")})
    assert private_number(data, 0x7053, 0x00, PHILIPS) is None


def test_private_value_without_creator_and_type_is_read():
    data = Dataset()
    data.add_new((0x7053, 0x1000), "UN", b"0.25 ")
    assert private_number(data, 0x7053, 0x00, PHILIPS) == 0.25
    assert private_text(data, 0x7053, 0x00, PHILIPS) == "0.25"


def test_garbled_private_number_is_refused():
    data = Dataset()
    data.add_new((0x7053, 0x1000), "UN", b"\xff\xfe")
    with pytest.raises(SUVError, match=r"\(7053,1000\)"):
        private_number(data, 0x7053, 0x00, PHILIPS)
