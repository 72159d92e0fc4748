import pickle
from collections import Counter

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.tissues import TISSUES
from seganypet.phantom.tracers import draw_patient
from seganypet.phantom.tracers.classes import uptake_class
from seganypet.phantom.tracers.entries import Entry
from seganypet.phantom.tracers.tables import TABLES, VARIANTS
from seganypet.phantom.tracers.variants import Variant

NAMES = [*{uptake_class(name): name for name in TISSUES}.values()]
ALL = [(tracer, variant.name) for tracer in TABLES for variant in VARIANTS[tracer]]


def forced(variant, tracer="fdg", names=TISSUES, seed=0):
    return draw_patient(names, np.random.default_rng(seed), tracer, variants=(variant,))


def plain(tracer="fdg", names=TISSUES, seed=0):
    return draw_patient(names, np.random.default_rng(seed), tracer, variants=())


@pytest.mark.parametrize("tracer", ["fdg", "psma", "fapi"])
def test_variants_are_as_frequent_as_stated(tracer):
    rng = np.random.default_rng(8)
    count = 1500
    drawn = Counter(name for _ in range(count) for name in draw_patient(NAMES, rng, tracer).variants)
    for variant in VARIANTS[tracer]:
        p = variant.frequency
        assert drawn[variant.name] / count == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / count))


@pytest.mark.parametrize(("tracer", "name"), ALL)
def test_a_forced_variant_is_the_only_one_and_changes_only_its_own_tissues(tracer, name):
    patient, reference = forced(name, tracer), plain(tracer)
    (variant,) = (variant for variant in VARIANTS[tracer] if variant.name == name)
    assert patient.variants == (name,)
    changed = {tissue for tissue in TISSUES if patient.suv[tissue] != reference.suv[tissue]}
    allowed = {
        tissue
        for tissue in TISSUES
        if {uptake_class(tissue), tissue.rsplit("_", 1)[0], tissue} & set(variant.entries)
    }
    assert changed
    assert changed <= allowed


@pytest.mark.parametrize(
    ("tracer", "variant", "tissue", "at_least"),
    [
        ("fdg", "brown_fat", "brown_fat", 4),
        ("fdg", "heart_hot", "heart_myocardium", 1.5),
        ("fdg", "metformin", "colon", 2),
        ("fdg", "muscle_insulin", "skeletal_muscle", 2.5),
        ("fdg", "tonsils_hot", "palatine_tonsils", 1.4),
        ("fdg", "thyroid_hot", "thyroid_gland", 2),
        ("fdg", "thymus_hot", "thymus", 1.5),
        ("fdg", "stomach_hot", "stomach", 1.5),
        ("fdg", "marrow_activated", "vertebrae_L3", 1.5),
        ("fdg", "menstruation", "uterus", 2),
        ("fdg", "lactation", "breast_left", 3),
        ("fdg", "salivary_hot", "parotid_gland_left", 1.8),
        ("psma", "psma_1007", "liver", 1.8),
        ("psma", "psma_1007", "gallbladder", 5),
        ("psma", "colon_hot", "colon", 1.8),
        ("flt", "marrow_activated", "vertebrae_L3", 1.3),
        ("fapi", "uterus_hot", "uterus", 1.8),
    ],
)
def test_a_hot_variant_is_hot(tracer, variant, tissue, at_least):
    ratios = [
        forced(variant, tracer, [tissue], seed).suv[tissue] / plain(tracer, [tissue], seed).suv[tissue]
        for seed in range(150)
    ]
    assert np.median(ratios) > at_least


@pytest.mark.parametrize(
    ("tracer", "variant", "tissue"),
    [
        ("fdg", "heart_cold", "heart_myocardium"),
        ("fdg", "bladder_voided", "urinary_bladder"),
        ("fdg", "muscle_insulin", "brain"),
        ("psma", "psma_1007", "urinary_bladder"),
        ("flt", "marrow_suppressed", "vertebrae_L3"),
    ],
)
def test_a_cold_variant_is_cold(tracer, variant, tissue):
    def median(draw):
        return np.median([draw(seed).suv[tissue] for seed in range(150)])

    cold = median(lambda seed: forced(variant, tracer, [tissue], seed))
    assert cold < 0.8 * median(lambda seed: plain(tracer, [tissue], seed))


def test_exercise_heats_one_or_two_groups_of_muscles_on_both_sides():
    muscles = ("thigh_muscle", "arm_muscle", "gluteus_maximus", "iliopsoas", "autochthon")
    counts = set()
    for seed in range(40):
        hot, rest = forced("muscle_exercise", seed=seed).suv, plain(seed=seed).suv
        groups = [name for name in muscles if hot[f"{name}_left"] > 1.5 * rest[f"{name}_left"]]
        assert all(hot[f"{name}_right"] > 1.5 * rest[f"{name}_right"] for name in groups)
        assert hot["skeletal_muscle"] == rest["skeletal_muscle"]
        counts.add(len(groups))
    assert counts == {1, 2}


def test_a_focal_ureter_is_one_side_and_in_segments():
    sides = set()
    for seed in range(20):
        patient, reference = forced("ureter_focal", seed=seed), plain(seed=seed)
        changed = [
            side
            for side in ("left", "right")
            if patient.suv[f"ureter_{side}"] != reference.suv[f"ureter_{side}"]
        ]
        assert len(changed) == 1
        assert patient.unevenness[f"ureter_{changed[0]}"][0] > reference.unevenness[f"ureter_{changed[0]}"][0]
        sides.add(changed[0])
    assert sides == {"left", "right"}


def test_insulin_decides_whether_the_heart_is_hot_or_cold():
    rng = np.random.default_rng(1)
    patients = [draw_patient(NAMES, rng) for _ in range(1200)]
    brain = {
        name: np.median([patient.suv["brain"] for patient in patients if name in patient.variants])
        for name in ("heart_hot", "heart_cold")
    }
    assert brain["heart_hot"] < 0.85 * brain["heart_cold"]
    heart = np.log([patient.suv["heart_myocardium"] for patient in patients])
    assert np.corrcoef(heart, np.log([patient.suv["brain"] for patient in patients]))[0, 1] < -0.2
    assert not any({"heart_hot", "heart_cold"} <= set(patient.variants) for patient in patients)
    assert np.percentile(np.exp(heart), 10) < 1.7
    assert np.percentile(np.exp(heart), 95) > 8


def test_hot_and_cold_hearts_have_the_means_of_their_entries():
    rng = np.random.default_rng(1)
    patients = [draw_patient(["heart_myocardium"], rng) for _ in range(1200)]
    for name, mean, sd in (("heart_hot", 9.0, 3.0), ("heart_cold", 1.7, 0.4)):
        # insulin muscles override the heart, too
        drawn = [patient.suv["heart_myocardium"] for patient in patients if patient.variants == (name,)]
        assert np.mean(drawn) == pytest.approx(mean, abs=4 * sd / np.sqrt(len(drawn)))


def test_variants_whose_tissue_is_missing_are_never_drawn():
    rng = np.random.default_rng(0)
    drawn = {name for _ in range(300) for name in draw_patient(["liver", "colon"], rng).variants}
    assert {"metformin", "colon_hot"} <= drawn <= {"metformin", "colon_hot", "muscle_insulin"}


@pytest.mark.parametrize("name", ["hair_hot", "menstruation"])
def test_refuses_a_variant_that_this_body_cannot_have_and_names_those_it_can(name):
    with pytest.raises(UsageError, match=rf"'{name}'.*metformin, colon_hot"):
        draw_patient(["liver", "colon"], np.random.default_rng(0), variants=(name,))


def test_refuses_variants_that_exclude_one_another():
    with pytest.raises(UsageError, match="exclude one another"):
        draw_patient(TISSUES, np.random.default_rng(0), variants=("heart_hot", "heart_cold"))


def test_refuses_variants_of_random_uptake():
    with pytest.raises(UsageError, match="known ones: none"):
        draw_patient(TISSUES, np.random.default_rng(0), "random", variants=("brown_fat",))


def test_refuses_an_impossible_frequency():
    with pytest.raises(UsageError, match="frequency 2"):
        Variant(name="x", frequency=2, source="sts", note="", entries={"liver": Entry(1, 1, "sts")})


def test_refuses_a_variant_without_effect():
    with pytest.raises(UsageError, match="changes nothing"):
        Variant(name="x", frequency=0.5, source="sts", note="", entries={})


def test_patients_travel_between_processes():
    patient = draw_patient(TISSUES, np.random.default_rng(0))
    assert pickle.loads(pickle.dumps(patient)) == patient
