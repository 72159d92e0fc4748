"""Values of DICOM data sets as Python's types, with None for what is absent, and errors that name the tag."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

from seganypet.errors import ImageReadError, SUVError, reason_of

UNREADABLE: Final = (
    AttributeError, BytesLengthException, EOFError, KeyError, NotImplementedError, OSError, OverflowError,
    RuntimeError, struct.error, TypeError, ValueError,
)  # fmt: skip
"""What pydicom raises on bytes that are cut off, garbled or compressed in a way it cannot undo."""

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(?:\.(\d{1,6}))?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")


def tag_name(keyword: str) -> str:
    """Return how messages call a tag: "(0010,1030) PatientWeight"."""
    tag = tag_for_keyword(keyword) or 0
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {keyword}"


def text(data: Dataset, keyword: str) -> str | None:
    """Return a value as text, or None where it is absent or empty; several are joined by a backslash.

    Raises:
        ImageReadError: Its bytes are garbled.
    """
    value = _value(data, keyword)
    if value is None:
        return None
    many = not isinstance(value, str) and isinstance(value, Sequence)
    joined = "\\".join(str(v) for v in value) if many else str(value)
    return " ".join(joined.split()) or None


def texts(data: Dataset, keyword: str) -> tuple[str, ...]:
    """Return the values of a multi-valued text tag in upper case; empty where it is absent."""
    joined = text(data, keyword)
    return tuple(v.strip().upper() for v in joined.split("\\")) if joined else ()


def number(data: Dataset, keyword: str) -> float | None:
    """Return a number, or None where it is absent or empty.

    Raises:
        SUVError: The value is no number.
    """
    value = text(data, keyword)
    return None if value is None else _to_float(value, tag_name(keyword))


def numbers(data: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the numbers of a multi-valued tag; empty where it is absent.

    Raises:
        SUVError: A value is no number.
    """
    value = text(data, keyword)
    return tuple(_to_float(v, tag_name(keyword)) for v in value.split("\\")) if value else ()


def first_item(data: Dataset, keyword: str) -> Dataset:
    """Return the first item of a sequence; an empty data set where there is none."""
    found = items(data, keyword)
    return found[0] if found else Dataset()


def items(data: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; an empty list where it is absent."""
    value = _value(data, keyword)
    return [item for item in value if isinstance(item, Dataset)] if isinstance(value, Sequence) else []


def date_and_time(data: Dataset, date_keyword: str, time_keyword: str) -> datetime | None:
    """Return the datetime that a date tag and a time tag make, or None where either is absent.

    Raises:
        SUVError: They are no date and time.
    """
    day, clock = text(data, date_keyword), text(data, time_keyword)
    if day is None or clock is None:
        return None
    return datetime.combine(to_date(day, tag_name(date_keyword)), to_time(clock, tag_name(time_keyword)))


def to_date(value: str, name: str) -> date:
    """Return the date of a DA value (YYYYMMDD).

    Raises:
        SUVError: It is none.
    """
    match = _DATE.fullmatch(value.strip())
    try:
        if match:
            return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        pass
    raise SUVError(f"{name} is {value!r}, no date; expected YYYYMMDD; repair the tag")


def to_time(value: str, name: str) -> time:
    """Return the time of day of a TM value (HHMMSS.FFFFFF, shorter forms included).

    Raises:
        SUVError: It is none.
    """
    match = _TIME.fullmatch(value.strip())
    try:
        if match:
            microsecond = int((match[4] or "").ljust(6, "0"))
            return time(int(match[1]), int(match[2] or 0), int(match[3] or 0), microsecond)
    except ValueError:
        pass
    raise SUVError(f"{name} is {value!r}, no time of day; expected HHMMSS; repair the tag")


def to_datetime(value: str, name: str, *, local_offset: str | None = None) -> tuple[datetime, str | None]:
    """Return the local time of a DT value (YYYYMMDDHHMMSS.FFFFFF+ZZZZ), and what had to be assumed.

    Args:
        value: The value.
        name: What messages call it.
        local_offset: TimezoneOffsetFromUTC (0008,0201), which the other times of the file are in.

    Raises:
        SUVError: It is no date and time.
    """
    value = value.strip()
    match = re.search(r"[+-]\d{4}$", value)
    offset = match[0] if match else None
    bare = value[: match.start()] if match else value
    if len(bare) < 10:
        raise SUVError(f"{name} is {value!r}, no date and time; expected YYYYMMDDHHMMSS; repair the tag")
    moment = datetime.combine(to_date(bare[:8], name), to_time(bare[8:], name))
    if offset is None or offset == local_offset:
        return moment, None
    if local_offset is None:
        return moment, f"{name} is {value}: its time zone was left out, as the file's other times have none"
    shifted = moment.replace(tzinfo=_zone(offset, name)).astimezone(_zone(local_offset, name))
    return shifted.replace(tzinfo=None), None


def private_text(data: Dataset, group: int, element: int, creator: str) -> str | None:
    """Return a private value as text, or None.

    Args:
        data: The data set.
        group: Group of the tag.
        element: Last byte of the element: 0x00 for (7053,1000).
        creator: Private creator. Where de-identification removed every creator of the group, the value
            at block 0x10 is taken.
    """
    try:
        value = _private_value(data, group, element, creator)
    except UNREADABLE as error:
        name = f"({group:04X},10{element:02X}) {creator}"
        raise ImageReadError(f"{name} is garbled ({error}); copy the series anew") from error
    plain = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return plain.strip(" \0") or None


def private_number(data: Dataset, group: int, element: int, creator: str) -> float | None:
    """Return a private value as a number, or None; see `private_text`.

    Raises:
        SUVError: The value is no number.
    """
    value = private_text(data, group, element, creator)
    return None if value is None else _to_float(value, f"({group:04X},10{element:02X}) {creator}")


def _private_value(data: Dataset, group: int, element: int, creator: str) -> Any:
    blocks = [tag for tag in data.group_dataset(group).keys() if 0x10 <= tag.element <= 0xFF]  # noqa: SIM118
    base = 0x10 if not blocks else None
    for tag in blocks:
        if str(data[tag].value).strip().upper() == creator.upper():
            base = tag.element
    if base is None:
        return None
    found = data.get((group, (base << 8) + element))
    return None if found is None else found.value


def _value(data: Dataset, keyword: str) -> Any:
    try:
        return data.get(keyword)
    except UNREADABLE as error:
        raise ImageReadError(
            f"{tag_name(keyword)} is garbled ({reason_of(error)}); copy the series anew"
        ) from error


def _to_float(value: str, name: str) -> float:
    try:
        parsed = float(value)
    except ValueError:
        parsed = math.nan
    if not math.isfinite(parsed):
        raise SUVError(f"{name} is {value!r}; expected a number; repair the tag")
    return parsed


def _zone(offset: str, name: str) -> timezone:
    match = _OFFSET.fullmatch(offset.strip())
    if match is None:
        raise SUVError(f"{name}: time zone {offset!r}; expected +HHMM; repair the tag")
    delta = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(delta if match[1] == "+" else -delta)
