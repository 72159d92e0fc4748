"""Labels that other maps name in another way, and what they are here.

Vessels without a tissue of their own join one of their kind, so that they take up as blood does: arteries the aorta,
veins the superior vena cava. Fluids and cysts, which take up little, join the inner fat. Muscles that are not listed
are muscle anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "colon": ("intestine_large", "large_intestine", "rectum"),
        "small_bowel": ("intestine_small", "small_intestine"),
        "heart_blood_pool": (
            *(
                "heart",
                "heart_atrium_left",
                "heart_atrium_right",
                "heart_ventricle_left",
                "heart_ventricle_right",
            ),
            *("atrial_appendage_left", "pulmonary_artery", "pulmonary_vein", "coronary_arteries"),
        ),
        "trachea": (
            *(
                "main_bronchus",
                "lung_trachea_bronchia",
                "larynx_air",
                "nasopharynx",
                "oropharynx",
                "hypopharynx",
            ),
            *("auditory_canal_left", "auditory_canal_right"),
        ),
        "palatine_tonsils": ("palatine_tonsil_left", "palatine_tonsil_right"),
        "uterus": ("fallopian_tube_left", "fallopian_tube_right"),
        "urinary_bladder": ("bladder",),
        "thyroid_gland": ("thyroid",),
        "gallbladder": ("gall_bladder",),
        "kidney_left": ("left_kidney",),
        "kidney_right": ("right_kidney",),
        "subcutaneous_fat": ("fat",),
        "skeletal_muscle": ("muscle", "intervertebral_discs", "costal_cartilages", "soft_palate", "tongue"),
        "torso_fat": (
            *("kidney_cyst_left", "kidney_cyst_right", "pleural_effusion"),
            *("pericardial_effusion", "abdominal_cavity", "thoracic_cavity", "mediastinum", "pericardium"),
        ),
        "aorta": (
            *("brachiocephalic_trunk", "subclavian_artery_left", "subclavian_artery_right"),
            *("common_carotid_artery_left", "common_carotid_artery_right"),
            *("internal_carotid_artery_left", "internal_carotid_artery_right"),
        ),
        "superior_vena_cava": (
            *("brachiocephalic_vein_left", "brachiocephalic_vein_right", "venous_sinuses"),
            *("internal_jugular_vein_left", "internal_jugular_vein_right"),
        ),
        "portal_vein_and_splenic_vein": ("liver_vessels",),
        "liver": ("liver_tumor", "liver_lesions", *(f"liver_segment_{number}" for number in range(1, 9))),
        "sacrum": ("vertebrae_s1",),
        "vertebrae_T12": ("vertebrae", "vertebrae_body"),
        "skull": (
            *("hyoid", "hard_palate", "mandible", "teeth", "zygomatic_arch_left", "zygomatic_arch_right"),
            *("styloid_process_left", "styloid_process_right"),
        ),
        "larynx": ("thyroid_cartilage", "cricoid_cartilage"),
        "nasal_mucosa": ("nasal_cavity_left", "nasal_cavity_right"),
        "brain": (
            *("caudate_nucleus", "lentiform_nucleus", "insular_cortex", "central_sulcus", "thalamus"),
            *("frontal_lobe", "parietal_lobe", "occipital_lobe", "temporal_lobe", "intracerebral_hemorrhage"),
        ),
        "brain_white_matter": (
            *("brainstem", "septum_pellucidum", "internal_capsule", "optic_nerve_left", "optic_nerve_right"),
        ),
        "brain_ventricle": ("ventricle", "subarachnoid_space"),
    }
)
SYNONYMS: Mapping[str, str] = MappingProxyType(
    {given: ours for ours, names in _OF.items() for given in names}
)
# Labels of one side, or of both in one, and the tissue without its side.
BY_SIDE: Mapping[str, str] = MappingProxyType(
    {
        "lung_vessels": "pulmonary_vessels",
        "knee": "femur",
        "hip_implant": "hip",
        "ulna": "forearm",
        "radius": "forearm",
        "carpal": "forearm",
        "metacarpal": "forearm",
        "phalanges_hand": "forearm",
        "tarsal": "tibia",
        "metatarsal": "tibia",
        "phalanges_feet": "tibia",
        "eyeball": "eye",
        "eye_lens": "eye",
        "quadriceps_femoris": "thigh_muscle",
        "thigh_medial_compartment": "thigh_muscle",
        "thigh_posterior_compartment": "thigh_muscle",
        "sartorius": "thigh_muscle",
        "triceps_brachii": "arm_muscle",
        "coracobrachial": "arm_muscle",
        "deltoid": "arm_muscle",
        # A lung in one piece; its fissures are painted where the body's place is known.
        "lung": "lung_lower_lobe",
        "lung_covid_infiltrate": "lung_lower_lobe",
        "lung_nodules": "lung_lower_lobe",
    }
)
