"""Half-lives of the radionuclides imaged with PET or quantitative SPECT, and their names in DICOM."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

HALF_LIVES_S: Final[Mapping[str, float]] = MappingProxyType(
    {
        "C-11": 1221.8,
        "N-13": 597.9,
        "O-15": 122.2,
        "F-18": 6586.2,
        "Sc-44": 14_551.0,
        "Cu-61": 12_020.0,
        "Cu-62": 580.0,
        "Cu-64": 45_721.0,
        "Ga-67": 281_811.0,
        "Ga-68": 4057.7,
        "Br-76": 58_320.0,
        "Rb-82": 75.5,
        "Y-86": 53_064.0,
        "Zr-89": 282_276.0,
        "Y-90": 230_580.0,
        "Tc-99m": 21_624.0,
        "In-111": 242_330.0,
        "I-123": 47_604.0,
        "I-124": 360_806.0,
        "I-131": 693_377.0,
        "Tb-152": 63_000.0,
        "Lu-177": 574_300.0,
        "Tl-201": 262_837.0,
    }
)
"""Half-lives in s [NuDat 3; F-18 and Ga-68 as vendors write them, which differ by less than 0.3 %]."""

SINGLE_PHOTON: Final = frozenset(
    {"Ga-67", "Tc-99m", "In-111", "I-123", "I-131", "Lu-177", "Tl-201"},
)
"""Nuclides without a usable positron branch: an image of them is SPECT, whatever its modality says."""

_ELEMENTS: Final = {
    "fluorine": "F", "gallium": "Ga", "carbon": "C", "nitrogen": "N", "oxygen": "O", "rubidium": "Rb",
    "copper": "Cu", "zirconium": "Zr", "iodine": "I", "technetium": "Tc", "indium": "In", "lutetium": "Lu",
    "yttrium": "Y", "scandium": "Sc", "bromine": "Br", "thallium": "Tl", "terbium": "Tb",
}  # fmt: skip

# SNOMED-RT codes of DICOM context group 4020, for files whose meaning is empty.
_CODES: Final = {
    "C-111A1": "F-18", "C-131A3": "Ga-68", "C-105A1": "C-11", "C-107A1": "N-13", "C-B1038": "O-15",
    "C-159A2": "Rb-82", "C-127A2": "Cu-64", "C-168A4": "Zr-89", "C-114A5": "I-124",
}  # fmt: skip

_MASS_FIRST = re.compile(r"\^?(\d{2,3})(m?)\^?[\s-]*([a-z]+)", re.IGNORECASE)
_ELEMENT_FIRST = re.compile(r"([a-z]+)[\s-]*\^?(\d{2,3})(m?)\^?(?![a-z0-9])", re.IGNORECASE)


def identify_nuclide(*texts: str | None) -> str | None:
    """Return the nuclide ("F-18") that the first telling text names, or None.

    Args:
        texts: Code value, code meaning or free text, such as "C-111A1", "^18^Fluorine", "18F", "F-18",
            "FDG -- fluorodeoxyglucose". Only nuclides of `HALF_LIVES_S` are found.
    """
    for text in texts:
        nuclide = _identify(text) if text else None
        if nuclide:
            return nuclide
    return None


def _identify(text: str) -> str | None:
    for word in text.upper().split():
        if word in _CODES:
            return _CODES[word]
    candidates = [(e, m, meta) for m, meta, e in _MASS_FIRST.findall(text)]
    candidates += [(e, m, meta) for e, m, meta in _ELEMENT_FIRST.findall(text)]
    for element, mass, meta in candidates:
        name = f"{_ELEMENTS.get(element.lower(), element.capitalize())}-{mass}{meta.lower()}"
        if name in HALF_LIVES_S:
            return name
    if re.search(r"\bF?FDG\b|fluorodeoxyglucose|fludeoxyglucose", text, re.IGNORECASE):
        return "F-18"
    return None
