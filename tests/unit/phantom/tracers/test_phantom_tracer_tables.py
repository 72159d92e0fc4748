import math

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.tissues import TISSUES
from seganypet.phantom.tracers.classes import uptake_class, without_side
from seganypet.phantom.tracers.entries import ESTIMATE, Entry, estimate
from seganypet.phantom.tracers.sources import SOURCES
from seganypet.phantom.tracers.tables import TABLES, TRACERS, VARIANTS
from seganypet.phantom.tracers.unevenness import unevenness_of

ENTRIES = [
    pytest.param(entry, id=f"{tracer}-{kind}")
    for tracer, table in TABLES.items()
    for kind, entry in table.items()
]


def test_lognormal_of_a_hand_computed_entry():
    # (sd / mean)² = e - 1, so that sigma = 1 and mu = ln 2 - 1/2
    log_median, log_sd = Entry(2.0, 2.0 * math.sqrt(math.e - 1), "sts").lognormal
    assert log_sd == pytest.approx(1.0)
    assert log_median == pytest.approx(math.log(2) - 0.5)


def test_lognormal_gives_back_mean_and_sd():
    log_median, log_sd = Entry(13.8, 10.3, "sts").lognormal
    drawn = np.exp(np.random.default_rng(0).normal(log_median, log_sd, 400_000))
    assert drawn.mean() == pytest.approx(13.8, rel=0.01)
    assert drawn.std() == pytest.approx(10.3, rel=0.03)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_refuses_uptake_that_is_not_positive(mean, sd):
    with pytest.raises(UsageError, match="above 0"):
        Entry(mean, sd, "sts")


def test_refuses_an_estimate_that_rests_on_nothing():
    with pytest.raises(UsageError, match="note"):
        estimate(1.0, 0.2, "")


@pytest.mark.parametrize("tracer", TABLES)
def test_every_tissue_has_an_entry_of_its_class(tracer):
    assert {uptake_class(name) for name in TISSUES} <= set(TABLES[tracer])


def test_every_tracer_has_a_table_except_random():
    assert set(TABLES) == set(TRACERS) - {"random"}
    assert set(VARIANTS) == set(TRACERS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_value_names_its_source(entry):
    assert entry.source in SOURCES
    assert entry.source != ESTIMATE or entry.note


@pytest.mark.parametrize("tracer", TABLES)
def test_every_variant_names_its_source_and_changes_known_tissues(tracer):
    tissues = {without_side(name) for name in TISSUES} | {uptake_class(name) for name in TISSUES}
    names = [variant.name for variant in VARIANTS[tracer]]
    assert len(set(names)) == len(names)
    for variant in VARIANTS[tracer]:
        assert variant.source in SOURCES
        assert variant.note
        assert set(variant.entries) <= tissues
        assert set(variant.unevenness) <= set(variant.entries)
        assert {entry.source for entry in variant.entries.values()} <= set(SOURCES)


@pytest.mark.parametrize(
    ("tracer", "kind", "low", "high"),
    [
        ("fdg", "liver", 2.1, 2.5),
        ("psma", "liver", 3.7, 7.1),
        ("dotatate", "liver", 4.0, 8.0),
        ("flt", "liver", 3.9, 5.9),
        ("fapi", "liver", 0.6, 1.6),
    ],
)
def test_liver_is_where_surveys_put_it(tracer, kind, low, high):
    assert low <= TABLES[tracer][kind].mean <= high


def test_tracers_are_hottest_where_they_should_be():
    def hottest(tracer, count):
        not_urine = {"urinary_bladder", "kidney_pelvis", "ureter", "urethra"}
        means = {kind: entry.mean for kind, entry in TABLES[tracer].items() if kind not in not_urine}
        return set(sorted(means, key=means.__getitem__)[-count:])

    assert hottest("fdg", 2) == {"brain", "cerebellum"}
    assert hottest("psma", 3) == {"kidney", "parotid_gland", "submandibular_gland"}
    assert hottest("dotatate", 3) == {"spleen", "kidney", "adrenal_gland"}
    assert "marrow" in hottest("flt", 1)
    assert hottest("fapi", 3) == {"gallbladder", "uterus", "submandibular_gland"}


@pytest.mark.parametrize("kind", ["brain", "heart_myocardium", "blood", "liver", "pancreas", "colon"])
def test_fapi_lies_below_fdg_where_a_comparison_found_it(kind):
    # 71 patients with both tracers, doi 10.1007/s00259-021-05307-1
    assert TABLES["fapi"][kind].mean < TABLES["fdg"][kind].mean


def test_dotatate_falls_in_the_order_of_normal_subjects():
    # 118 subjects, doi 10.4274/mirt.galenos.2021.37268
    order = (
        "spleen",
        "kidney",
        "adrenal_gland",
        "liver",
        "stomach",
        "small_bowel",
        "pancreas",
        "thyroid_gland",
        "uterus",
    )
    means = [TABLES["dotatate"][kind].mean for kind in order]
    assert means == sorted(means, reverse=True)
    weak = ("thymus", "skeletal_muscle", "bone", "breast", "lung", "blood")
    assert max(TABLES["dotatate"][kind].mean for kind in weak) < means[-1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vertebrae_L3", "marrow"),
        ("iliac_vena_left", "blood"),
        ("kidney_pelvis_left", "kidney_pelvis"),
        ("kidney_left", "kidney"),
        ("femur_left", "bone"),
        ("femur_marrow_left", "limb_marrow"),
        ("tibia_marrow_right", "limb_marrow"),
        ("rib_left_7", "rib"),
        ("skull", "skull"),
        ("thigh_muscle_right", "skeletal_muscle"),
        ("autochthon_left", "skeletal_muscle"),
        ("brain_white_matter", "brain_white_matter"),
        ("brown_fat", "brown_fat"),
        ("testis_left", "testis"),
        ("lung_upper_lobe_left", "lung"),
        ("something_new_left", "something_new"),
    ],
)
def test_class_of_a_tissue(name, kind):
    assert uptake_class(name) == kind


def test_unevenness_is_that_of_the_tracer_before_that_of_all():
    assert unevenness_of("psma", "small_bowel") == (0.6, 0.25)
    assert unevenness_of("fdg", "small_bowel") == (0.45, 0.25)
    assert unevenness_of("fdg", "something_new") == (0.08, 0.06)


@pytest.mark.parametrize("tracer", TABLES)
def test_bowel_is_more_uneven_than_liver(tracer):
    assert min(unevenness_of(tracer, "colon")) > 5 * max(unevenness_of(tracer, "liver"))


def test_every_source_is_used():
    used = {entry.source for table in TABLES.values() for entry in table.values()}
    for variant in (variant for variants in VARIANTS.values() for variant in variants):
        used |= {variant.source} | {entry.source for entry in variant.entries.values()}
    notes = " ".join(entry.note for table in TABLES.values() for entry in table.values())
    notes += " ".join(variant.note for variants in VARIANTS.values() for variant in variants)
    notes += " ".join(
        entry.note
        for variants in VARIANTS.values()
        for variant in variants
        for entry in variant.entries.values()
    )
    assert {source for source in SOURCES if source not in used and source not in notes} == set()
