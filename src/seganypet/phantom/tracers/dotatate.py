"""Uptake of [68Ga]Ga-DOTATATE, 60 minutes after injection; mean SUV (body weight) and spread between patients.

Of moradi2016 only ranges of maxima could be read; the standard deviations beside them are estimates. Where no
survey of DOTATATE could be read, those of DOTATOC (boy2011, werner2019) and DOTANOC (prasad2010) stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.shared_variants import bladder_full, bladder_voided, lactation, ureter_focal
from seganypet.phantom.tracers.variants import Variant

DOTATATE: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.3, 0.08, "0.4 of muscle"),
        "torso_fat": estimate(0.45, 0.12, "between subcutaneous fat and muscle"),
        "brown_fat": estimate(0.5, 0.14, "as visceral fat"),
        "skin": estimate(0.85, 0.22, "as muscle"),
        "skeletal_muscle": Entry(
            0.85,
            0.25,
            "prasad2010",
            "0.75 of the gluteal maxima 1.0±0.3 with DOTANOC; 2.1±0.5 with DOTATOC in boy2011",
        ),
        "bone": Entry(0.57, 0.2, "prasad2010", "0.7 of the maxima 0.8±0.3 of the femur with DOTANOC"),
        "rib": estimate(1.0, 0.28, "0.75 of the spine's marrow"),
        "marrow": Entry(1.35, 0.4, "moradi2016", "half of maxima of 2-3.5; 3.9±1.3 with DOTATOC in boy2011"),
        "limb_marrow": estimate(0.75, 0.22, "0.55 of the spine's"),
        "skull": estimate(0.75, 0.2, "slightly above cortical bone"),
        "spinal_cord": estimate(1.0, 0.28, "between muscle and marrow"),
        "brain": estimate(0.2, 0.06, "a seventh of blood: the tracer does not pass the barrier"),
        "brain_white_matter": estimate(0.13, 0.04, "0.65 of grey matter: less blood"),
        "brain_ventricle": estimate(0.13, 0.04, "as white matter"),
        "cerebellum": estimate(0.22, 0.06, "as grey matter"),
        "lung": Entry(0.5, 0.18, "boy2011", "0.7 of the maxima 0.7±0.3 with DOTATOC; 0.9±0.8 in prasad2010"),
        "airway": estimate(0.4, 0.1, "below lung"),
        "gas": estimate(0.03, 0.008, "no uptake: a fifteenth of airway, scatter alone"),
        "esophagus": estimate(1.6, 0.45, "slightly above blood"),
        "heart_myocardium": estimate(1.3, 0.3, "slightly below blood"),
        "blood": Entry(
            1.5,
            0.45,
            "prasad2010",
            "0.6 of the maxima 2.6±1.2 with DOTANOC, SD lowered; below 2 in budak2023",
        ),
        "liver": Entry(
            5.5,
            1.6,
            "kuyumcu2013",
            "0.6 of the maximum 9.12; medians 5.6 in werner2019, 4.8 in variable81; SD as in boy2011",
        ),
        "gallbladder": estimate(2.5, 1.5, "0.45 of liver"),
        "spleen": Entry(
            17.5,
            6.1,
            "werner2019",
            "medians 18.7 with DOTATOC, 16 in variable81; SD as of 31.1±10.9 in boy2011",
        ),
        "kidney": Entry(
            10.2,
            2.6,
            "poeppel2011",
            "0.8 of the maxima 12.7±3.0; 12.9±3.8 in prasad2010; median 9.2 in werner2019",
        ),
        "kidney_pelvis": estimate(12.0, 7.0, "slightly above the cortex"),
        "ureter": estimate(4.0, 2.8, "a third of the renal pelvis"),
        "adrenal_gland": Entry(
            7.0,
            2.6,
            "werner2019",
            "median 6.8; half of 13.73 in kuyumcu2013; maxima 6.0±2.5 in prasad2010; SD as there",
        ),
        "pancreas": Entry(
            3.3, 1.1, "moradi2016", "0.65 of maxima of 3.5-7; SD as of 6.2±2.3 in the head in boy2011"
        ),
        "stomach": Entry(
            4.6, 2.0, "boy2011", "0.65 of the maxima 7.0±3.1 with DOTATOC; above 7 in moradi2016"
        ),
        "duodenum": estimate(4.5, 1.6, "as stomach"),
        "small_bowel": Entry(
            3.4, 1.2, "boy2011", "0.7 of the maxima 4.8±1.8 with DOTATOC; 3.5-7 in moradi2016"
        ),
        "colon": Entry(1.85, 0.55, "boy2011", "0.65 of the maxima 2.9±0.8 with DOTATOC; 2-3.5 in moradi2016"),
        "urinary_bladder": estimate(14.0, 10.0, "slightly above kidney: urine carries the tracer"),
        "prostate": Entry(3.4, 1.3, "moradi2016", "0.65 of maxima of 3.5-7"),
        "uterus": Entry(1.8, 0.6, "moradi2016", "0.65 of maxima of 2-3.5"),
        "ovary": estimate(1.5, 0.45, "as blood"),
        "urethra": estimate(5.0, 3.5, "a third of the bladder"),
        "testis": estimate(1.3, 0.35, "slightly below blood"),
        "breast": estimate(1.0, 0.3, "minimal to mild in ozguven2021"),
        "thyroid_gland": Entry(
            1.9, 0.7, "moradi2016", "0.65 of maxima of 2-3.5; 2.3±0.8 in nakamoto2016, 3.4±1.4 in prasad2010"
        ),
        "thymus": estimate(1.2, 0.35, "minimal to mild in ozguven2021"),
        "parotid_gland": Entry(
            2.1,
            0.8,
            "moradi2016",
            "0.6 of maxima of 3.5-7, at their lower end; 1.9±0.6 with DOTATOC in boy2011",
        ),
        "submandibular_gland": Entry(2.3, 0.8, "moradi2016", "0.65 of maxima of 3.5-7, at their lower end"),
        "lacrimal_gland": estimate(1.8, 0.7, "slightly below the parotid gland"),
        "palatine_tonsils": estimate(2.3, 0.8, "as salivary glands"),
        "nasal_mucosa": estimate(1.3, 0.35, "as blood"),
        "eye": estimate(0.6, 0.18, "below muscle"),
        "larynx": estimate(1.4, 0.4, "as blood"),
    }
)
DOTATATE_VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="uncinate_hot",
        frequency=0.5,
        source="jacobsson2012",
        note="70 % of 50 patients there, a third in jallet2023",
        entries={
            "pancreas": Entry(3.9, 1.2, "jacobsson2012", "a few ml of the head at 6.0 within the organ")
        },
        unevenness={"pancreas": (0.6, 0.2)},
    ),
    bladder_full(estimate(30.0, 14.0, "twice the mean"), frequency=0.2),
    bladder_voided(estimate(4.0, 2.0, "a quarter of the mean"), frequency=0.2),
    ureter_focal(estimate(10.0, 6.0, "as kidney, in segments"), frequency=0.3),
    Variant(
        name="thyroid_hot",
        frequency=0.08,
        source="estimate",
        note="thyroiditis expresses the receptor; no survey was read",
        entries={"thyroid_gland": estimate(4.5, 1.8, "over twice the resting gland")},
    ),
    Variant(
        name="colon_hot",
        frequency=0.1,
        source="estimate",
        note="no survey was read",
        entries={"colon": estimate(3.6, 1.2, "twice the mean")},
        unevenness={"colon": (0.7, 0.3)},
    ),
    lactation(estimate(3.0, 1.0, "three times the resting gland")),
    Variant(
        name="tonsils_hot",
        frequency=0.1,
        source="estimate",
        note="inflamed; no survey was read",
        entries={"palatine_tonsils": estimate(4.6, 1.4, "twice the mean")},
    ),
)
