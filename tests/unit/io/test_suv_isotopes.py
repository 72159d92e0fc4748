"""How radionuclides are written, and which one is meant."""

from __future__ import annotations

import pytest

from seganypet.io.isotopes import HALF_LIVES_S, SINGLE_PHOTON, identify_nuclide


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("^18^Fluorine", "F-18"),
        ("18F", "F-18"),
        ("F-18", "F-18"),
        ("F18", "F-18"),
        ("Fluorodeoxyglucose F^18^", "F-18"),
        ("FDG -- fluorodeoxyglucose", "F-18"),
        ("C-111A1", "F-18"),
        ("C-131A3 ^68^Gallium", "Ga-68"),
        ("[68Ga]Ga-DOTATATE", "Ga-68"),
        ("Ga-68 PSMA", "Ga-68"),
        ("^11^Carbon", "C-11"),
        ("^89^Zirconium", "Zr-89"),
        ("^124^Iodine", "I-124"),
        ("99mTc", "Tc-99m"),
        ("Technetium-99m", "Tc-99m"),
        ("177Lu", "Lu-177"),
        ("82Rb", "Rb-82"),
        ("PSMA", None),
        ("", None),
        ("120 kV", None),
    ],
)
def test_nuclide_is_identified(text: str, nuclide: str | None):
    assert identify_nuclide(text) == nuclide


def test_first_telling_text_wins():
    assert identify_nuclide(None, "unknown", "68Ga", "18F") == "Ga-68"


def test_every_name_identifies_itself():
    assert {identify_nuclide(name) for name in HALF_LIVES_S} == set(HALF_LIVES_S)
    assert set(HALF_LIVES_S) > SINGLE_PHOTON
