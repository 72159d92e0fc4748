"""Uptake of [68Ga]Ga-PSMA-11, 60 minutes after injection; mean SUV (body weight) and spread between patients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.shared_variants import bladder_full, ureter_focal
from seganypet.phantom.tracers.variants import Variant

PSMA: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.3, 0.08, "half of muscle"),
        "torso_fat": estimate(0.4, 0.1, "between subcutaneous fat and muscle"),
        "brown_fat": estimate(0.4, 0.1, "as visceral fat"),
        "skin": estimate(0.6, 0.15, "as muscle"),
        "skeletal_muscle": estimate(0.6, 0.14, "0.4 of blood"),
        "bone": estimate(0.45, 0.12, "below muscle"),
        "rib": estimate(0.6, 0.16, "as muscle"),
        "marrow": estimate(0.75, 0.2, "half of blood; normal maxima lie below 1.9 in prasad2016"),
        "limb_marrow": estimate(0.45, 0.12, "0.6 of the spine's"),
        "skull": estimate(0.5, 0.13, "as cortical bone"),
        "spinal_cord": estimate(0.6, 0.15, "blood behind the barrier"),
        "brain": estimate(0.2, 0.06, "an eighth of blood: the tracer does not pass the barrier"),
        "brain_white_matter": estimate(0.12, 0.04, "0.6 of grey matter: less blood"),
        "brain_ventricle": estimate(0.12, 0.04, "as white matter"),
        "cerebellum": estimate(0.22, 0.06, "as grey matter"),
        "lung": estimate(0.45, 0.12, "0.3 of blood: mostly air"),
        "airway": estimate(0.35, 0.1, "below lung"),
        "gas": estimate(0.03, 0.008, "no uptake: a fifteenth of airway, scatter alone"),
        "esophagus": estimate(1.3, 0.35, "slightly below blood"),
        "heart_myocardium": estimate(1.3, 0.3, "slightly below blood"),
        "blood": estimate(1.5, 0.35, "0.28 of liver"),
        "liver": Entry(5.4, 1.7, "psma1007_2024", "50 patients; maxima 8.2±2.5 in hurdles2017"),
        "gallbladder": estimate(2.8, 1.8, "half of liver"),
        "spleen": Entry(8.1, 3.5, "psma1007_2024", "50 patients; maxima 10.9±3.9 in hurdles2017"),
        "kidney": Entry(
            41.7,
            13.0,
            "kurash2020",
            "SD between those of the maxima, 66±25 in hurdles2017 and quartiles of 40.7-57.6 in prasad2016",
        ),
        "kidney_pelvis": estimate(32.0, 16.0, "0.75 of the cortex"),
        "ureter": Entry(4.8, 3.2, "furosemide2022", "0.75 of the median maximum 6.4; SD estimated"),
        "adrenal_gland": estimate(4.5, 1.4, "slightly below liver"),
        "pancreas": estimate(2.4, 0.65, "half of liver"),
        "stomach": estimate(3.5, 1.4, "0.65 of liver"),
        "duodenum": Entry(
            9.4, 4.2, "prasad2016", "0.6 of the maxima, median 13.8 there and 17.6±8.9 in hurdles2017"
        ),
        "small_bowel": estimate(6.3, 2.9, "two thirds of duodenum: falls off along the jejunum"),
        "colon": Entry(2.0, 0.8, "hurdles2017", "0.55 of the maxima 3.7±1.1 of the rectum; SD estimated"),
        "urinary_bladder": Entry(24.0, 16.0, "furosemide2022", "between the median maxima 43.5 and 14.8"),
        "prostate": Entry(2.4, 0.7, "kurash2020", "SD estimated; tumours above maxima of 3.2 in prasad2016"),
        "uterus": estimate(1.5, 0.45, "as blood"),
        "ovary": estimate(1.3, 0.4, "slightly below blood"),
        "urethra": estimate(9.0, 6.0, "0.4 of the bladder"),
        "testis": estimate(1.2, 0.3, "slightly below blood"),
        "breast": estimate(0.8, 0.25, "slightly above muscle"),
        "thyroid_gland": estimate(1.4, 0.4, "as blood"),
        "thymus": estimate(1.0, 0.3, "below blood"),
        "parotid_gland": Entry(
            14.5, 4.6, "kurash2020", "SD as of the maxima 24.4±8.1 in hurdles2017; median 16.1 in prasad2016"
        ),
        "submandibular_gland": Entry(
            13.0, 3.6, "kurash2020", "SD as of the maxima 26.7±7.1 in hurdles2017; median 17.3 in prasad2016"
        ),
        "lacrimal_gland": Entry(
            5.5, 2.6, "hurdles2017", "half of the maxima, 15.7±7.2 there and 6.2±2.2 in kleinnulent2018"
        ),
        "palatine_tonsils": Entry(5.2, 2.1, "hurdles2017", "half of the maxima 10.4±4.3 of Waldeyer's ring"),
        "nasal_mucosa": Entry(2.0, 0.55, "kleinnulent2018", "0.6 of the maxima 3.4±0.9"),
        "eye": estimate(0.6, 0.2, "as muscle"),
        "larynx": Entry(
            2.4,
            1.0,
            "hurdles2017",
            "0.4 of the maxima 8.4±3.0 of the cords, 0.6 of 2.7±0.7 above them in kleinnulent2018",
        ),
    }
)
PSMA_VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="psma_1007",
        frequency=0.25,
        source="estimate",
        note="[18F]PSMA-1007 instead, excreted by the liver; how often depends on the site; unspecific foci in "
        "the ribs of 58.7 % of 46 patients in hoberueck2021",
        entries={
            "liver": Entry(11.7, 3.9, "psma1007_2024", "50 patients, the same as for PSMA-11"),
            "spleen": Entry(11.2, 3.5, "psma1007_2024", "50 patients, the same as for PSMA-11"),
            "gallbladder": estimate(35.0, 25.0, "three times liver: bile carries the tracer"),
            "urinary_bladder": estimate(3.5, 2.2, "lowest of the PSMA ligands in lawal2025"),
            "ureter": estimate(1.8, 0.8, "half of the bladder"),
            "kidney_pelvis": estimate(12.0, 5.0, "a third of PSMA-11"),
            "urethra": estimate(2.5, 1.2, "0.7 of the bladder"),
            "pancreas": estimate(3.2, 0.9, "a third above PSMA-11"),
            "marrow": estimate(1.1, 0.3, "half above PSMA-11"),
            "rib": estimate(0.95, 0.3, "half above PSMA-11"),
        },
        unevenness={"rib": (0.35, 0.25)},
        group="excretion",
        tail="low",
    ),
    Variant(
        name="bladder_voided",
        frequency=0.3,
        source="estimate",
        note="sites that give furosemide",
        entries={
            "urinary_bladder": Entry(11.0, 6.0, "furosemide2022", "0.75 of the median maximum 14.8"),
            "ureter": Entry(3.4, 2.0, "furosemide2022", "0.75 of the median maximum 4.5"),
        },
        group="excretion",
        tail="low",
    ),
    bladder_full(
        Entry(38.0, 18.0, "furosemide2022", "0.9 of the median maximum 43.5"),
        frequency=0.2,
        group="excretion",
    ),
    ureter_focal(estimate(14.0, 9.0, "half of the bladder, in segments"), frequency=0.4),
    Variant(
        name="colon_hot",
        frequency=0.3,
        source="hurdles2017",
        note="half of the 65 % whose descending colon was visible",
        entries={"colon": Entry(4.5, 2.5, "hurdles2017", "0.4 of the maxima 10.6±9.2")},
        unevenness={"colon": (0.7, 0.3)},
    ),
    Variant(
        name="thyroid_hot",
        frequency=0.22,
        source="hurdles2017",
        note="22 % of 55 men",
        entries={"thyroid_gland": Entry(3.2, 0.85, "hurdles2017", "0.7 of the maxima 4.5±1.2")},
    ),
    Variant(
        name="gallbladder_hot",
        frequency=0.1,
        source="estimate",
        note="occasional with PSMA-11; no survey was read",
        entries={"gallbladder": estimate(9.0, 4.0, "twice liver")},
    ),
)
