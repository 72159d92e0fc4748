"""What makes the uptake of tissues vary together between patients: latent factors and their loadings.

The log uptake of a class, standardised, is a sum of independent standard normal parts: the loadings times
the patient's factors, a part shared among its kin, and one of its own. The weights' squares sum to 1, so the
mean and the standard deviation of every class stay those of its table. A loading is the correlation of a
class's log uptake with the factor. Loadings are estimates; they were set so that liver and blood pool correlate
as in 1,018 subjects (r = 0.82, "Effect of blood pool 18F-FDG activity on liver SUV") and brain falls as glucose
and insulin rise (Viglianti BL et al. 2017, 436 scans).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from seganypet.phantom.tracers.classes import KIN, KINSHIP
from seganypet.phantom.tracers.entries import Entry

FACTORS: Mapping[str, str] = MappingProxyType(
    {
        "body_size": "SUV by body weight rises with body fat; also the scanner's and the dose's calibration",
        "blood_retention": "slow clearance from the blood: blood pool, liver, lung, spleen, muscle up",
        "insulin": "FDG only: myocardium and muscle up, brain and liver down",
        "marrow_activation": "marrow and spleen up",
        "renal_excretion": "urine up, blood down",
        "tumour_sink": "PSMA and DOTATATE: tumour burden takes tracer from salivary glands, kidneys, spleen",
    }
)
# Multiplies every tissue alike, as far as a class varies that much.
_BODY_LOG_SD = 0.13
_BODY_MOST = 0.6
_LIMIT = 3.0
Loadings = Mapping[str, Mapping[str, float]]
_EVERY_TRACER: Loadings = MappingProxyType(
    {
        "blood_retention": {
            "blood": 0.65,
            "lung": 0.45,
            "liver": 0.3,
            "spleen": 0.3,
            "skeletal_muscle": 0.3,
            "heart_myocardium": 0.3,
        },
        "marrow_activation": {"marrow": 0.6, "limb_marrow": 0.55, "rib": 0.55, "skull": 0.3, "spleen": 0.35},
        "renal_excretion": {
            "urinary_bladder": 0.7,
            "kidney_pelvis": 0.65,
            "ureter": 0.55,
            "urethra": 0.4,
            "blood": -0.35,
        },
    }
)
_BY_TRACER: Mapping[str, Loadings] = MappingProxyType(
    {
        "fdg": {
            "blood_retention": {"liver": 0.7, "heart_myocardium": 0.1},
            "insulin": {
                "heart_myocardium": 0.7,
                "skeletal_muscle": 0.45,
                "brain": -0.5,
                "brain_white_matter": -0.5,
                "cerebellum": -0.5,
                "liver": -0.15,
            },
        },
        "psma": {
            "tumour_sink": {
                "parotid_gland": -0.5,
                "submandibular_gland": -0.5,
                "lacrimal_gland": -0.4,
                "kidney": -0.5,
                "spleen": -0.4,
            }
        },
        "dotatate": {
            "tumour_sink": {
                "spleen": -0.5,
                "kidney": -0.5,
                "adrenal_gland": -0.35,
                "parotid_gland": -0.35,
                "submandibular_gland": -0.35,
                "liver": -0.2,
            }
        },
    }
)


@cache
def loadings(tracer: str, kind: str, entry: Entry) -> dict[str, float]:
    """Return the loadings of a class of tissues by factor, each within -1 to 1.

    Args:
        tracer: "fdg", "psma", …
        kind: Class of tissues.
        entry: Its uptake; a wider spread leaves less of it to body size.
    """
    found = {"body_size": min(_BODY_LOG_SD / entry.lognormal[1], _BODY_MOST)}
    for table in (_EVERY_TRACER, _BY_TRACER.get(tracer, {})):
        found |= {factor: classes[kind] for factor, classes in table.items() if kind in classes}
    return found


def draw_factors(rng: np.random.Generator) -> dict[str, float]:
    """Return a patient's scores of all factors, standard normal."""
    return dict(zip(FACTORS, _normal(rng, len(FACTORS)), strict=True))


def draw_scores(
    tracer: str, table: Mapping[str, Entry], factors: Mapping[str, float], rng: np.random.Generator
) -> dict[str, float]:
    """Return a patient's standardised log uptake of every class of a table, standard normal each.

    Args:
        tracer: "fdg", "psma", …
        table: Uptake by class.
        factors: The patient's scores of the factors.
        rng: Source of randomness.
    """
    families = sorted(set(KIN.values()))
    kin = dict(zip(families, _normal(rng, len(families)), strict=True))
    scores = {}
    for (kind, entry), own in zip(table.items(), _normal(rng, len(table)), strict=True):
        weights = loadings(tracer, kind, entry)
        left = math.sqrt(1 - sum(weight**2 for weight in weights.values()))
        shared = math.sqrt(KINSHIP) if kind in KIN else 0.0
        rest = shared * kin.get(KIN.get(kind, ""), 0.0) + math.sqrt(1 - shared**2) * own
        scores[kind] = sum(weight * factors[factor] for factor, weight in weights.items()) + left * rest
    return scores


def _normal(rng: np.random.Generator, count: int) -> list[float]:
    """Standard normal numbers; the few beyond three are set to three, so that no draw is absurd."""
    drawn: npt.NDArray[np.float64] = np.clip(rng.standard_normal(count), -_LIMIT, _LIMIT)
    return [float(value) for value in drawn]
