"""Uptake of [68Ga]Ga-FAPI-04 and -46, 60 minutes after injection; mean SUV and spread between patients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.shared_variants import bladder_full, bladder_voided, lactation, ureter_focal
from seganypet.phantom.tracers.variants import Variant

FAPI: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.35, 0.1, "0.3 of muscle"),
        "torso_fat": estimate(0.5, 0.14, "between subcutaneous fat and muscle"),
        "brown_fat": estimate(0.5, 0.14, "as visceral fat"),
        "skin": estimate(0.9, 0.25, "slightly below muscle"),
        "skeletal_muscle": Entry(1.15, 0.3, "mu2022", "middle of soft tissues, 0.9-1.5 with SD 0.24-0.35"),
        "bone": Entry(0.35, 0.15, "mu2022", "lower end of bones, 0.3-0.7 with SD 0.18-0.24"),
        "rib": Entry(0.5, 0.17, "mu2022", "middle of bones, 0.3-0.7 with SD 0.18-0.24"),
        "marrow": Entry(0.65, 0.18, "mu2022", "upper end of bones, 0.3-0.7 with SD 0.18-0.24"),
        "limb_marrow": estimate(0.4, 0.13, "0.6 of the spine's"),
        "skull": Entry(0.45, 0.16, "mu2022", "middle of bones, 0.3-0.7 with SD 0.18-0.24"),
        "spinal_cord": estimate(0.5, 0.14, "below marrow"),
        "brain": estimate(0.12, 0.04, "a tenth of blood: the tracer does not pass the barrier"),
        "brain_white_matter": estimate(0.09, 0.03, "0.75 of grey matter"),
        "brain_ventricle": estimate(0.1, 0.03, "as grey matter"),
        "cerebellum": estimate(0.13, 0.04, "as grey matter"),
        "lung": estimate(0.45, 0.12, "0.35 of blood: mostly air"),
        "airway": estimate(0.5, 0.13, "as lung"),
        "gas": estimate(0.03, 0.008, "no uptake: a fifteenth of airway, scatter alone"),
        "esophagus": estimate(1.3, 0.35, "as blood"),
        "heart_myocardium": estimate(1.15, 0.28, "slightly below blood"),
        "blood": estimate(1.3, 0.3, "slightly above muscle, below that of FDG as in giesel2021"),
        "liver": Entry(
            1.0,
            0.35,
            "shi2021",
            "tumour over its ratio to liver, 8.36/13.15 there and 6.7/3.9 in hcc2023; SD estimated",
        ),
        "gallbladder": Entry(3.5, 2.4, "mu2022", "among the highest, 2.92-4.22; SD estimated"),
        "spleen": estimate(0.95, 0.26, "no uptake of its own: below blood"),
        "kidney": estimate(1.9, 0.55, "1.5 times blood: urine carries the tracer"),
        "kidney_pelvis": Entry(3.6, 2.0, "mu2022", "among the highest, 2.92-4.22; SD estimated"),
        "ureter": estimate(2.5, 1.6, "0.7 of the renal pelvis"),
        "adrenal_gland": estimate(1.3, 0.35, "as blood"),
        "pancreas": estimate(1.35, 0.42, "as blood, below that of FDG as in giesel2021"),
        "stomach": estimate(1.1, 0.3, "below blood"),
        "duodenum": estimate(1.3, 0.4, "as blood"),
        "small_bowel": estimate(1.1, 0.35, "below blood"),
        "colon": estimate(0.9, 0.28, "below small bowel"),
        "urinary_bladder": estimate(8.0, 6.0, "twice the renal pelvis"),
        "prostate": estimate(1.7, 0.6, "above blood: stroma"),
        "uterus": Entry(
            3.4, 1.7, "mu2022", "among the highest, 2.92-4.22; falls with age in mu2025; SD estimated"
        ),
        "ovary": Entry(
            1.55,
            0.4,
            "mu2025",
            "0.8 of the maxima, 2.38±0.55 after the menopause there and 1.53±0.37 in wang2021",
        ),
        "urethra": estimate(3.0, 2.0, "0.4 of the bladder"),
        "testis": estimate(1.1, 0.3, "below blood"),
        "breast": estimate(0.9, 0.35, "slightly below muscle"),
        "thyroid_gland": estimate(1.7, 0.6, "above blood"),
        "thymus": estimate(1.0, 0.3, "below blood"),
        "parotid_gland": estimate(1.7, 0.5, "0.55 of the submandibular gland"),
        "submandibular_gland": Entry(3.0, 0.9, "mu2022", "among the highest, 2.92-4.22; SD estimated"),
        "lacrimal_gland": estimate(1.5, 0.45, "slightly below the parotid gland"),
        "palatine_tonsils": estimate(2.0, 0.6, "between the salivary glands"),
        "nasal_mucosa": estimate(1.7, 0.5, "slightly below the tonsils"),
        "eye": estimate(0.7, 0.2, "below muscle"),
        "larynx": estimate(1.3, 0.35, "as blood"),
    }
)
_MUSCLES = ("thigh_muscle", "arm_muscle", "gluteus_maximus", "iliopsoas", "autochthon")
FAPI_VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="uterus_hot",
        frequency=0.35,
        source="estimate",
        note="before the menopause, most in the menstrual and proliferative phases (mu2025)",
        entries={
            "uterus": estimate(7.5, 3.0, "over twice the mean: the corpus of young women"),
            "ovary": Entry(2.2, 0.65, "mu2025", "0.8 of 2.75±0.84 before the menopause"),
        },
        unevenness={"uterus": (0.4, 0.2)},
    ),
    Variant(
        name="thyroid_hot",
        frequency=0.048,
        source="liu2021",
        note="39 of 815 subjects",
        entries={"thyroid_gland": Entry(4.2, 3.0, "liu2021", "0.75 of the maxima 5.75±5.45, SD lowered")},
    ),
    Variant(
        name="pancreas_hot",
        frequency=0.068,
        source="pancreas2021",
        note="focal in 7 of 103 patients",
        entries={
            "pancreas": Entry(3.2, 1.0, "pancreas2021", "within an organ whose foci have maxima of 3.1-9.1")
        },
        unevenness={"pancreas": (0.5, 0.25)},
    ),
    Variant(
        name="scar",
        frequency=0.15,
        source="bentestuen2023",
        note="scars and healing wounds among the findings; the frequency is an estimate",
        entries={"skin": estimate(1.6, 0.5, "twice the mean, in patches")},
        unevenness={"skin": (0.9, 0.4)},
    ),
    Variant(
        name="muscle_hot",
        frequency=0.05,
        source="estimate",
        note="strained muscle; no survey was read",
        entries=dict.fromkeys(_MUSCLES, estimate(2.6, 0.8, "over twice the mean")),
        unevenness=dict.fromkeys(_MUSCLES, (0.35, 0.25)),
        some=(1, 1),
    ),
    lactation(estimate(4.0, 1.5, "over four times the resting gland")),
    Variant(
        name="gallbladder_hot",
        frequency=0.2,
        source="estimate",
        note="bile varies with the last meal; no survey was read",
        entries={"gallbladder": estimate(12.0, 6.0, "over three times the mean")},
    ),
    bladder_full(estimate(20.0, 9.0, "2.5 times the mean"), frequency=0.2),
    bladder_voided(estimate(2.8, 1.3, "a third of the mean"), frequency=0.2),
    ureter_focal(estimate(6.0, 4.0, "slightly below the bladder, in segments"), frequency=0.2),
)
