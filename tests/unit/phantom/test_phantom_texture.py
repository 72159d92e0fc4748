import numpy as np
import pytest

from seganypet.phantom import (
    TISSUE_IDS,
    Anatomy,
    add_lesions,
    body_activity,
    breathe,
    draw_uptake,
    procedural_anatomy,
    textured_activity,
)


@pytest.fixture(scope="module")
def body():
    return procedural_anatomy(np.random.default_rng(2), spacing_mm=(5, 5, 5))


@pytest.fixture(scope="module")
def textured(body):
    uptake = draw_uptake(body.names.values(), np.random.default_rng(0))
    lesions = add_lesions(body, uptake, np.random.default_rng(0), 0)
    return lesions.activity, textured_activity(body, lesions, np.random.default_rng(1))


def spread(activity, mask):
    return activity[mask].std() / activity[mask].mean()


def test_bowel_is_more_uneven_than_liver(body, textured):
    _, activity = textured
    assert spread(activity, body.mask("colon")) > 0.25
    assert spread(activity, body.mask("liver")) < 0.06


def test_cortex_is_hotter_than_white_matter(body, textured):
    before, after = textured
    brain = body.mask("brain")
    ratio = after[brain] / before[brain]
    assert 0.3 < np.mean(ratio < 0.7) < 0.7
    assert np.percentile(ratio, 90) > 0.9


def test_lungs_take_up_more_at_the_back(body, textured):
    _, activity = textured
    lung = body.mask(*(name for name in body.names.values() if name.startswith("lung_")))
    rows = np.argwhere(lung)[:, 1]
    back, front = rows < np.percentile(rows, 25), rows > np.percentile(rows, 75)
    assert activity[lung][back].mean() > activity[lung][front].mean()


def test_air_stays_empty_and_all_is_finite(body, textured):
    _, activity = textured
    assert activity.dtype == np.float32
    assert np.isfinite(activity).all()
    assert not activity[body.label_map == 0].any()


def test_lesions_are_uneven_too(body):
    uptake = draw_uptake(body.names.values(), np.random.default_rng(0))
    lesions = add_lesions(body, uptake, np.random.default_rng(5), 8)
    activity = textured_activity(body, lesions, np.random.default_rng(1))
    largest = np.argmax(np.bincount(lesions.instances.ravel())[1:]) + 1
    mask = (lesions.instances == largest) & ~lesions.cores
    assert 0.02 < spread(activity, mask) < 0.5


def dome():
    label_map = np.full((6, 6, 80), TISSUE_IDS["skeletal_muscle"], dtype=np.int16)
    label_map[..., :40] = TISSUE_IDS["liver"]
    names = {TISSUE_IDS[name]: name for name in ("liver", "skeletal_muscle")}
    body = Anatomy(label_map, np.diag([4.0, 4.0, 4.0, 1.0]), names)
    return body, body_activity(body, {"liver": 2.0, "skeletal_muscle": 0.5})


def test_breathing_blurs_the_dome_and_keeps_the_activity():
    body, activity = dome()
    moved = breathe(activity, body, amplitude_mm=20)
    assert 0.6 < moved[3, 3, 40] < 1.4
    np.testing.assert_allclose(moved[..., 70:], activity[..., 70:])
    assert moved.sum() == pytest.approx(activity.sum(), rel=0.01)


def test_without_breath_or_liver_nothing_moves():
    body, activity = dome()
    assert breathe(activity, body, amplitude_mm=0) is activity
    muscle = Anatomy(np.full((4, 4, 4), 2, dtype=np.int16), np.eye(4), {2: "skeletal_muscle"})
    assert breathe(activity[:4, :4, :4], muscle, amplitude_mm=10).shape == (4, 4, 4)
