import functools

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.tissues import TISSUES
from seganypet.phantom.tracers import draw_patient
from seganypet.phantom.tracers.classes import uptake_class
from seganypet.phantom.tracers.factors import FACTORS, loadings
from seganypet.phantom.tracers.tables import TABLES

# One tissue of each class.
NAMES = {uptake_class(name): name for name in TISSUES}


@functools.cache
def suvs(tracer):
    """SUV by class of patients without variants: 4,000 for FDG, 1,500 for the others."""
    rng = np.random.default_rng(20)
    count = 4000 if tracer == "fdg" else 1500
    patients = [draw_patient(NAMES.values(), rng, tracer, variants=()) for _ in range(count)]
    return {kind: np.array([patient.suv[name] for patient in patients]) for kind, name in NAMES.items()}


def correlation(tracer, one, other):
    drawn = suvs(tracer)
    return float(np.corrcoef(np.log(drawn[one]), np.log(drawn[other]))[0, 1])


@pytest.mark.parametrize("kind", TABLES["fdg"])
def test_fdg_means_and_sds_are_those_of_the_table(kind):
    entry, drawn = TABLES["fdg"][kind], suvs("fdg")[kind]
    assert drawn.mean() == pytest.approx(entry.mean, abs=4 * entry.sd / np.sqrt(len(drawn)))
    assert drawn.std() == pytest.approx(entry.sd, rel=0.12)


@pytest.mark.parametrize("tracer", ["psma", "dotatate", "flt", "fapi"])
def test_means_and_sds_are_those_of_the_table(tracer):
    for kind, drawn in suvs(tracer).items():
        entry = TABLES[tracer][kind]
        assert drawn.mean() == pytest.approx(entry.mean, abs=4 * entry.sd / np.sqrt(len(drawn))), kind
        assert drawn.std() == pytest.approx(entry.sd, rel=0.2), kind


@pytest.mark.parametrize(
    ("tracer", "one", "other", "low", "high"),
    [
        ("fdg", "liver", "blood", 0.65, 0.9),  # 0.82 in 1,018 subjects
        ("fdg", "liver", "spleen", 0.3, 0.8),
        ("fdg", "marrow", "spleen", 0.3, 0.8),
        ("fdg", "heart_myocardium", "brain", -0.6, -0.1),
        ("fdg", "heart_myocardium", "skeletal_muscle", 0.3, 0.7),
        ("fdg", "brain", "cerebellum", 0.6, 0.95),
        ("fdg", "urinary_bladder", "ureter", 0.5, 0.95),
        ("fdg", "urinary_bladder", "blood", -0.4, 0.0),
        ("fdg", "colon", "brain", -0.1, 0.35),
        ("psma", "kidney", "parotid_gland", 0.3, 0.8),
        ("psma", "parotid_gland", "submandibular_gland", 0.5, 0.95),
        ("dotatate", "kidney", "spleen", 0.3, 0.8),
        ("flt", "marrow", "spleen", 0.3, 0.8),
        ("fapi", "liver", "blood", 0.3, 0.8),
    ],
)
def test_tissues_vary_together_as_biology_has_it(tracer, one, other, low, high):
    assert low < correlation(tracer, one, other) < high


@pytest.mark.parametrize("tracer", TABLES)
def test_factors_leave_every_class_something_of_its_own(tracer):
    for kind, entry in TABLES[tracer].items():
        weights = loadings(tracer, kind, entry)
        assert set(weights) <= set(FACTORS)
        assert sum(weight**2 for weight in weights.values()) < 0.95, kind


def test_both_sides_and_all_vertebrae_take_up_alike():
    rng = np.random.default_rng(3)
    for tracer in (*TABLES, "random"):
        suv = draw_patient(TISSUES, rng, tracer, variants=()).suv
        assert suv["kidney_left"] == pytest.approx(suv["kidney_right"], rel=0.2)
        spine = [value for name, value in suv.items() if name.startswith("vertebrae_")]
        assert np.std(np.log(spine)) < 0.06
        assert len(set(spine)) > 10


@pytest.mark.real_data
def test_muscle_is_that_of_real_soft_tissue(shared_data):
    nibabel = pytest.importorskip("nibabel")
    medians = []
    for number in range(2, 25):  # the rest is kept for validation
        folder = shared_data / "sts_crops" / f"STS_{number:03d}"
        suv = np.asarray(nibabel.load(folder / "pet_suv.nii.gz").dataobj)
        tumour = np.asarray(nibabel.load(folder / "gtv_mass.nii.gz").dataobj) > 0
        medians.append(np.median(suv[(suv > 0.15) & ~tumour]))
    muscle = np.log(suvs("fdg")["skeletal_muscle"])
    assert np.median(medians) == pytest.approx(np.exp(np.median(muscle)), rel=0.15)
    assert np.std(np.log(medians)) == pytest.approx(np.std(muscle), rel=0.35)


def test_same_seed_gives_the_same_patient():
    first = draw_patient(["liver", "spleen", "brain"], np.random.default_rng(4))
    again = draw_patient(["brain", "spleen", "liver"], np.random.default_rng(4))
    other = draw_patient(["brain", "spleen", "liver"], np.random.default_rng(5))
    assert first == again
    assert first.suv != other.suv


def test_a_smaller_body_leaves_the_patient_much_the_same():
    full = draw_patient(TISSUES, np.random.default_rng(6), variants=()).suv
    part = draw_patient(["liver", "colon"], np.random.default_rng(6), variants=()).suv
    assert part["liver"] == pytest.approx(full["liver"], rel=0.2)
    assert part["colon"] == pytest.approx(full["colon"], rel=0.2)


def test_unknown_tissues_take_up_like_muscle():
    suv = draw_patient(["skeletal_muscle", "tongue"], np.random.default_rng(0), variants=()).suv
    assert suv["tongue"] == pytest.approx(suv["skeletal_muscle"], rel=0.5)


def test_every_tissue_is_uneven_in_its_own_way():
    rng = np.random.default_rng(2)
    patients = [draw_patient(TISSUES, rng, variants=()) for _ in range(200)]
    assert all(set(patient.unevenness) == set(TISSUES) for patient in patients)
    coarse = np.array([patient.unevenness["colon"][0] for patient in patients])
    assert np.median(coarse) == pytest.approx(0.5, rel=0.1)
    assert coarse.std() > 0.05


def test_random_spans_two_decades_in_every_class_and_unevenness():
    rng = np.random.default_rng(0)
    patients = [draw_patient(NAMES.values(), rng, "random") for _ in range(400)]
    for name in NAMES.values():
        values = np.array([patient.suv[name] for patient in patients])
        assert 0.1 <= values.min() < 0.2
        assert 6 < values.max() <= 12
        # half of a log-uniform 0.1-12 lies below sqrt(0.1 · 12) = 1.095
        assert np.mean(values < 1.095) == pytest.approx(0.5, abs=0.1)
    assert np.ptp([patient.unevenness["liver"][0] for patient in patients]) > 0.4
    assert np.corrcoef([[p.suv["liver"], p.suv["spleen"]] for p in patients], rowvar=False)[0, 1] < 0.2


def test_refuses_an_unknown_tracer():
    with pytest.raises(UsageError, match="'fluoride'"):
        draw_patient(["liver"], np.random.default_rng(0), "fluoride")
