"""Body measures that SUV is normalised to, in place of body weight."""

from __future__ import annotations

from typing import Final, Literal

Sex = Literal["M", "F"]

WEIGHT_KG_PER_BSA: Final = 10.0
"""SUVbsa is in cm²/ml: 1 kg = 1000 g over 1 m² = 10,000 cm²."""


def body_surface_m2(weight_kg: float, height_m: float) -> float:
    """Return the body surface area, in m² [Du Bois 1916]."""
    return float(0.007184 * weight_kg**0.425 * (100 * height_m) ** 0.725)


def lean_mass_james_kg(weight_kg: float, height_m: float, sex: Sex, *, male_factor: float) -> float:
    """Return the lean body mass, in kg [James 1976].

    Args:
        weight_kg: Body weight.
        height_m: Body height.
        sex: "M" or "F".
        male_factor: 128 as James wrote (SUVType LBMJAMES128), 120 as vendors do (SUVType LBM).
    """
    squared = (weight_kg / (100 * height_m)) ** 2
    return 1.10 * weight_kg - male_factor * squared if sex == "M" else 1.07 * weight_kg - 148 * squared


def lean_mass_janmahasatian_kg(weight_kg: float, height_m: float, sex: Sex) -> float:
    """Return the lean body mass, in kg [Janmahasatian 2005] (SUVType LBMJANMA)."""
    bmi = weight_kg / height_m**2
    divisor = 6680 + 216 * bmi if sex == "M" else 8780 + 244 * bmi
    return 9270 * weight_kg / divisor


def ideal_weight_kg(height_m: float, sex: Sex) -> float:
    """Return the ideal body weight, in kg (SUVType IBW)."""
    above_cm = 100 * height_m - 152
    return 48 + 1.06 * above_cm if sex == "M" else 45.5 + 0.91 * above_cm


def norm_kg(suv_type: str, weight_kg: float, height_m: float, sex: Sex) -> float:
    """Return the mass, in kg, that an SUV of the given SUVType (0054,1006) is normalised to.

    Raises:
        KeyError: The SUVType is not LBM, LBMJAMES128, LBMJANMA or IBW.
    """
    if suv_type == "LBM":
        return lean_mass_james_kg(weight_kg, height_m, sex, male_factor=120)
    if suv_type == "LBMJAMES128":
        return lean_mass_james_kg(weight_kg, height_m, sex, male_factor=128)
    if suv_type == "LBMJANMA":
        return lean_mass_janmahasatian_kg(weight_kg, height_m, sex)
    if suv_type == "IBW":
        return ideal_weight_kg(height_m, sex)
    raise KeyError(suv_type)
