"""Uptake of [18F]FLT, 60 minutes after injection; mean SUV (body weight) and spread between patients."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seganypet.phantom.tracers.entries import Entry, estimate
from seganypet.phantom.tracers.shared_variants import bladder_full, bladder_voided, ureter_focal
from seganypet.phantom.tracers.variants import Variant

FLT: Mapping[str, Entry] = MappingProxyType(
    {
        "subcutaneous_fat": estimate(0.18, 0.045, "a quarter of muscle: little water"),
        "torso_fat": estimate(0.28, 0.07, "between subcutaneous fat and muscle"),
        "brown_fat": estimate(0.28, 0.07, "as visceral fat"),
        "skin": estimate(0.7, 0.15, "as muscle"),
        "skeletal_muscle": estimate(0.72, 0.14, "0.75 of blood; relative SD 0.175-0.215 in vanderhiel2024"),
        "bone": estimate(0.8, 0.2, "cortex beside marrow"),
        "rib": estimate(4.0, 1.0, "half of the spine's: thin, much of it cortex"),
        "marrow": Entry(7.67, 1.65, "vanderhiel2024"),
        "limb_marrow": estimate(1.9, 0.8, "a quarter of the spine's: mostly yellow marrow"),
        "skull": estimate(2.8, 0.8, "0.35 of the spine's"),
        "spinal_cord": estimate(0.48, 0.12, "half of blood, behind the barrier"),
        "brain": estimate(0.24, 0.065, "a quarter of blood: the tracer does not pass the barrier"),
        "brain_white_matter": estimate(0.17, 0.045, "0.7 of grey matter"),
        "brain_ventricle": estimate(0.17, 0.045, "as white matter"),
        "cerebellum": estimate(0.26, 0.065, "as grey matter"),
        "lung": estimate(0.38, 0.1, "0.4 of blood: mostly air"),
        "airway": estimate(0.33, 0.085, "below lung"),
        "gas": estimate(0.03, 0.008, "no uptake: a fifteenth of airway, scatter alone"),
        "esophagus": estimate(0.95, 0.25, "as blood"),
        "heart_myocardium": estimate(0.88, 0.2, "slightly below blood"),
        "blood": Entry(0.96, 0.3, "hiniker2019", "mean and SD of its ten patients, 0.6-1.6"),
        "liver": Entry(4.86, 0.98, "vanderhiel2024"),
        "gallbladder": estimate(3.0, 1.5, "0.6 of liver: glucuronide in bile"),
        "spleen": estimate(2.2, 0.5, "0.3 of marrow"),
        "kidney": estimate(5.0, 1.4, "as liver: urine carries the tracer"),
        "kidney_pelvis": estimate(10.0, 6.0, "twice the cortex"),
        "ureter": estimate(5.0, 3.5, "half of the renal pelvis"),
        "adrenal_gland": estimate(1.2, 0.32, "slightly above blood"),
        "pancreas": Entry(1.4, 0.28, "herrmann2008", "background around benign lesions, 1.2-1.7"),
        "stomach": estimate(1.7, 0.45, "slightly above pancreas: mucosa renews itself"),
        "duodenum": estimate(3.0, 0.9, "mucosa renews itself fastest in the small bowel"),
        "small_bowel": estimate(2.8, 0.85, "as duodenum"),
        "colon": estimate(1.9, 0.6, "two thirds of small bowel"),
        "urinary_bladder": estimate(25.0, 15.0, "2.5 times the renal pelvis"),
        "prostate": estimate(1.15, 0.3, "slightly above blood"),
        "uterus": estimate(1.4, 0.42, "above muscle: endometrium renews itself"),
        "ovary": estimate(1.15, 0.33, "slightly above blood"),
        "urethra": estimate(7.0, 4.5, "0.3 of the bladder"),
        "testis": estimate(1.3, 0.33, "above muscle: germ cells divide"),
        "breast": estimate(0.72, 0.2, "as muscle"),
        "thyroid_gland": estimate(0.95, 0.25, "as blood"),
        "thymus": estimate(0.95, 0.32, "as blood"),
        "parotid_gland": estimate(0.95, 0.25, "as blood"),
        "submandibular_gland": estimate(1.05, 0.27, "slightly above blood"),
        "lacrimal_gland": estimate(0.88, 0.24, "slightly below blood"),
        "palatine_tonsils": estimate(2.8, 0.9, "follicles divide: above spleen"),
        "nasal_mucosa": estimate(0.95, 0.25, "as blood"),
        "eye": estimate(0.48, 0.12, "below muscle"),
        "larynx": estimate(0.75, 0.19, "as muscle"),
    }
)
FLT_VARIANTS: tuple[Variant, ...] = (
    Variant(
        name="marrow_activated",
        frequency=0.06,
        source="estimate",
        note="growth factors; depends on the patients",
        entries={
            "marrow": estimate(11.5, 2.5, "1.5 times the mean of vanderhiel2024"),
            "rib": estimate(6.0, 1.5, "half of the spine's"),
            "limb_marrow": estimate(4.5, 1.8, "0.4 of the spine's: red marrow spreads"),
            "spleen": estimate(3.5, 1.0, "1.6 times the mean"),
        },
        group="marrow",
    ),
    Variant(
        name="marrow_suppressed",
        frequency=0.1,
        source="estimate",
        note="recent chemotherapy; depends on the patients",
        entries={
            "marrow": estimate(4.2, 1.4, "0.55 of the mean of vanderhiel2024"),
            "rib": estimate(2.2, 0.8, "half of the spine's"),
            "limb_marrow": estimate(1.2, 0.4, "0.3 of the spine's"),
        },
        group="marrow",
        tail="low",
    ),
    bladder_full(estimate(45.0, 18.0, "nearly twice the mean"), frequency=0.2),
    bladder_voided(estimate(6.0, 3.0, "a quarter of the mean"), frequency=0.15),
    ureter_focal(estimate(12.0, 7.0, "as the renal pelvis, in segments"), frequency=0.3),
    Variant(
        name="bowel_hot",
        frequency=0.1,
        source="estimate",
        note="no survey was read",
        entries={
            "small_bowel": estimate(4.5, 1.3, "1.6 times the mean"),
            "colon": estimate(3.0, 1.0, "1.6 times the mean"),
        },
    ),
    Variant(
        name="tonsils_hot",
        frequency=0.1,
        source="estimate",
        note="inflamed; no survey was read",
        entries={"palatine_tonsils": estimate(5.0, 1.4, "1.8 times the mean")},
    ),
)
