from dataclasses import replace

import numpy as np
import pytest

from seganypet.phantom.anatomy import TISSUE_IDS, procedural_anatomy
from seganypet.phantom.anatomy import procedural as procedural_module
from seganypet.phantom.anatomy.build import Build, draw_build

SPACING_MM = (7.0, 7.0, 7.0)
DENSITIES = {"lung": 0.26, "fat": 0.95, "gas": 0.0}


def whole_body(build, monkeypatch, seed=0):
    """A body from head to feet, whatever the width of the field of view."""
    monkeypatch.setattr(procedural_module, "_HALF_FIELD_MM", 900.0)
    monkeypatch.setattr(procedural_module, "draw_build", lambda _: build)
    return procedural_anatomy(np.random.default_rng(seed), spacing_mm=SPACING_MM)


def litres(anatomy, *names):
    return anatomy.mask(*names).sum() * np.prod(anatomy.spacing_mm) / 1e6


def mass_kg(anatomy):
    def density(name):
        return next((value for part, value in DENSITIES.items() if part in name), 1.06)

    return sum(density(name) * litres(anatomy, name) for name in anatomy.names.values())


def width_mm(anatomy, share_of_height):
    """Width of the body at a share of its height; the image ends 20 to 70 mm above the head."""
    k = np.flatnonzero(anatomy.body.any(axis=(0, 1)))
    row = anatomy.body[:, :, round(k[0] + share_of_height * (k[-1] - k[0]))].any(axis=1)
    return np.ptp(np.flatnonzero(row)) * SPACING_MM[0]


def test_body_mass_index_is_that_of_adult_patients():
    drawn = [draw_build(np.random.default_rng(seed)) for seed in range(600)]
    bmi = np.array([build.bmi for build in drawn])
    assert 26 < bmi.mean() < 28.5
    assert 4 < bmi.std() < 6.5
    assert bmi.min() < 20
    assert bmi.max() > 38
    assert 17 <= bmi.min() <= bmi.max() <= 42


@pytest.mark.parametrize("seed", range(3))
def test_a_body_weighs_what_its_build_says(seed, monkeypatch):
    build = replace(draw_build(np.random.default_rng(seed)), lowest_mm=-30.0, arms_up=False)
    body = whole_body(build, monkeypatch, seed)
    assert mass_kg(body) / build.height_m**2 == pytest.approx(build.bmi, rel=0.09)


def test_heavy_bodies_have_more_fat_inside_and_under_the_skin(monkeypatch):
    rng = np.random.default_rng(3)
    drawn = sorted((draw_build(rng) for _ in range(60)), key=lambda build: build.bmi)
    men = [build for build in drawn if not build.female]
    lean, heavy = (whole_body(build, monkeypatch) for build in (men[1], men[-2]))
    assert litres(heavy, "torso_fat") > 1.5 * litres(lean, "torso_fat")
    assert litres(heavy, "subcutaneous_fat") > 2.5 * litres(lean, "subcutaneous_fat")
    for body in (lean, heavy):
        assert 1.0 < litres(body, "torso_fat") < 7.0


def test_women_are_wider_at_the_hips_than_men_and_narrower_at_the_waist(monkeypatch):
    her, him = (
        whole_body(Build(female=female, arms=False, fat_mm=18), monkeypatch) for female in (True, False)
    )
    ratio = [width_mm(body, 0.52) / width_mm(body, 0.63) for body in (her, him)]
    assert ratio[0] > 1.08 * ratio[1]


def test_legs_keep_their_muscle_under_thick_fat(monkeypatch):
    slim, stout = (
        whole_body(Build(female=False, arms=False, fat_mm=fat_mm), monkeypatch) for fat_mm in (8, 45)
    )
    names = ("thigh_muscle_left", "thigh_muscle_right", "intermuscular_fat")
    assert litres(stout, *names) == pytest.approx(litres(slim, *names), rel=0.15)
    assert TISSUE_IDS["intermuscular_fat"] in stout.names
