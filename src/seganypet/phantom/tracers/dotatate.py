"""Uptake of [68Ga]Ga-DOTATATE, 60 minutes after injection; mean SUV (body weight) and spread between patients.

Of moradi2016 only ranges of maxima could be read; the standard deviations beside them are estimates.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.variants import Variant

DOTATATE: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.3, 0.08, "0.4 of muscle"),
        "torso_fat": estimate(0.45, 0.12, "between subcutaneous fat and muscle"),
        "brown_fat": estimate(0.5, 0.14, "as visceral fat"),
        "skin": estimate(0.8, 0.2, "as muscle"),
        "skeletal_muscle": estimate(0.8, 0.19, "minimal to mild in ozguven2021; 0.55 of blood"),
        "bone": estimate(0.6, 0.15, "below muscle"),
        "rib": estimate(0.85, 0.22, "0.75 of the spine's marrow"),
        "marrow": estimate(1.15, 0.3, "0.8 of blood; mild maxima of the skeleton in moradi2016"),
        "limb_marrow": estimate(0.65, 0.18, "0.55 of the spine's"),
        "skull": estimate(0.75, 0.2, "slightly above cortical bone"),
        "spinal_cord": estimate(0.9, 0.25, "between muscle and marrow"),
        "brain": estimate(0.2, 0.06, "a seventh of blood: the tracer does not pass the barrier"),
        "brain_white_matter": estimate(0.13, 0.04, "0.65 of grey matter: less blood"),
        "brain_ventricle": estimate(0.13, 0.04, "as white matter"),
        "cerebellum": estimate(0.22, 0.06, "as grey matter"),
        "lung": estimate(0.5, 0.13, "a third of blood: mostly air"),
        "airway": estimate(0.4, 0.1, "below lung"),
        "esophagus": estimate(1.6, 0.45, "slightly above blood"),
        "heart_myocardium": estimate(1.3, 0.3, "slightly below blood"),
        "blood": estimate(1.45, 0.33, "a quarter of liver"),
        "liver": Entry(
            5.8, 1.7, "kuyumcu2013", "0.64 of the maximum 9.12; median 5.6 in werner2019; SD estimated"
        ),
        "gallbladder": estimate(2.5, 1.5, "0.45 of liver"),
        "spleen": Entry(
            18.7, 6.5, "werner2019", "median with DOTATOC; 0.75 of the maximum 24.67 in kuyumcu2013"
        ),
        "kidney": Entry(10.2, 2.6, "poeppel2011", "0.8 of the maxima 12.7±3.0; median 9.2 in werner2019"),
        "kidney_pelvis": estimate(12.0, 7.0, "slightly above the cortex"),
        "ureter": estimate(4.0, 2.8, "a third of the renal pelvis"),
        "adrenal_gland": Entry(
            7.0, 2.6, "werner2019", "median 6.8; half of the maximum 13.73 in kuyumcu2013"
        ),
        "pancreas": Entry(3.3, 1.1, "moradi2016", "0.65 of maxima of 3.5-7"),
        "stomach": Entry(4.6, 1.8, "moradi2016", "0.65 of maxima above 7"),
        "duodenum": estimate(4.5, 1.6, "as stomach"),
        "small_bowel": Entry(3.4, 1.2, "moradi2016", "0.65 of maxima of 3.5-7 in jejunum and ileum"),
        "colon": Entry(1.8, 0.6, "moradi2016", "0.65 of maxima of 2-3.5"),
        "urinary_bladder": estimate(14.0, 10.0, "slightly above kidney: urine carries the tracer"),
        "prostate": Entry(3.4, 1.3, "moradi2016", "0.65 of maxima of 3.5-7"),
        "uterus": Entry(1.8, 0.6, "moradi2016", "0.65 of maxima of 2-3.5"),
        "ovary": estimate(1.5, 0.45, "as blood"),
        "urethra": estimate(5.0, 3.5, "a third of the bladder"),
        "testis": estimate(1.3, 0.35, "slightly below blood"),
        "breast": estimate(1.0, 0.3, "minimal to mild in ozguven2021"),
        "thyroid_gland": Entry(1.9, 0.7, "moradi2016", "0.65 of maxima of 2-3.5"),
        "thymus": estimate(1.2, 0.35, "minimal to mild in ozguven2021"),
        "parotid_gland": Entry(2.6, 0.9, "moradi2016", "0.6 of maxima of 3.5-7, at their lower end"),
        "submandibular_gland": Entry(2.8, 0.9, "moradi2016", "0.6 of maxima of 3.5-7, at their lower end"),
        "lacrimal_gland": estimate(2.2, 0.8, "slightly below the parotid gland"),
        "palatine_tonsils": estimate(2.8, 0.9, "as salivary glands"),
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
    Variant(
        name="bladder_full",
        frequency=0.2,
        source="estimate",
        note="not voided; no survey was read",
        entries={"urinary_bladder": estimate(30.0, 14.0, "twice the mean")},
        group="bladder",
    ),
    Variant(
        name="bladder_voided",
        frequency=0.2,
        source="estimate",
        note="voided or given furosemide; no survey was read",
        entries={"urinary_bladder": estimate(4.0, 2.0, "a quarter of the mean")},
        group="bladder",
        tail="low",
    ),
    Variant(
        name="ureter_focal",
        frequency=0.3,
        source="estimate",
        note="common in reading rooms; no survey was read",
        entries={"ureter": estimate(10.0, 6.0, "as kidney, in segments")},
        unevenness={"ureter": (1.3, 0.4)},
        one_side=True,
    ),
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
    Variant(
        name="lactation",
        frequency=0.005,
        source="estimate",
        note="rare in oncology",
        entries={"breast": estimate(3.0, 1.0, "three times the resting gland")},
        unevenness={"breast": (0.25, 0.25)},
    ),
    Variant(
        name="tonsils_hot",
        frequency=0.1,
        source="estimate",
        note="inflamed; no survey was read",
        entries={"palatine_tonsils": estimate(5.5, 1.5, "twice the mean")},
    ),
)
