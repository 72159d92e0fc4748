import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom import TISSUE_IDS, Anatomy, label_groups, procedural_anatomy

GROUPS = label_groups()
# Published ranges of adults, in ml.
RANGES_ML = {
    "liver": (1000, 2200),
    "spleen": (80, 400),
    "kidney_left": (90, 250),
    "kidney_right": (90, 250),
    "brain": (1100, 1600),
    "lung": (2500, 6500),
    "heart": (400, 900),
    "heart_myocardium": (80, 220),
    "pancreas": (25, 130),
    "stomach": (80, 700),
    "urinary_bladder": (40, 500),
    "thyroid_gland": (8, 30),
    "gallbladder": (10, 60),
    "aorta": (80, 400),
    "colon": (250, 1200),
    "small_bowel": (250, 1300),
    "adrenal_gland_right": (1.5, 8),
}


@pytest.fixture(scope="module")
def bodies():
    return [procedural_anatomy(np.random.default_rng(seed)) for seed in range(5)]


def mask_of(anatomy, name):
    return np.isin(anatomy.label_map, GROUPS[name])


def center_mm(anatomy, name):
    voxels = np.argwhere(mask_of(anatomy, name)).mean(axis=0)
    return anatomy.affine[:3, :3] @ voxels + anatomy.affine[:3, 3]


@pytest.mark.parametrize("name", RANGES_ML)
def test_organ_volumes_are_those_of_adults(bodies, name):
    low, high = RANGES_ML[name]
    for body in bodies:
        volume_ml = mask_of(body, name).sum() * np.prod(body.spacing_mm) / 1000
        assert low <= volume_ml <= high, f"{name}: {volume_ml:.0f} ml"


@pytest.mark.parametrize("organ", ["kidney", "lung", "femur", "hip", "parotid_gland", "scapula"])
def test_the_right_organ_lies_at_larger_x(bodies, organ):
    for body in bodies:
        assert center_mm(body, f"{organ}_right")[0] > center_mm(body, f"{organ}_left")[0] + 25


PLACES = [
    *("liver", "spleen", "gallbladder", "stomach", "kidneys", "colon", "urinary_bladder"),
    *("heart", "lung_left", "lung_right", "lung_upper_lobe_left", "lung_lower_lobe_left"),
    *("lung_middle_lobe_right", "lung_lower_lobe_right", "brain", "thyroid_gland", "sternum", "sacrum"),
    *("vertebrae_C1", "vertebrae_T6", "vertebrae_L3", "vertebrae_L5"),
]


def test_organs_lie_where_they_belong(bodies):
    for body in bodies:
        centers = {name: center_mm(body, name) for name in PLACES}
        x, y, z = ({name: center[at] for name, center in centers.items()} for at in range(3))
        assert x["liver"] > x["spleen"] + 80
        assert x["gallbladder"] > x["stomach"]
        assert x["heart"] < (x["lung_left"] + x["lung_right"]) / 2  # the heart points to the left
        assert y["vertebrae_L3"] < y["colon"] < y["sternum"] + 60
        assert y["kidneys"] < y["liver"]
        assert z["brain"] > z["thyroid_gland"] > z["heart"] > z["liver"] > z["kidneys"] > z["urinary_bladder"]
        assert z["vertebrae_C1"] > z["vertebrae_T6"] > z["vertebrae_L5"] > z["sacrum"]
        assert z["lung_upper_lobe_left"] > z["lung_lower_lobe_left"]
        assert y["lung_middle_lobe_right"] > y["lung_lower_lobe_right"]


def test_solid_organs_are_in_one_piece(bodies):
    for body in bodies:
        for name in ("liver", "brain", "heart", "kidney_left", "kidney_right", "urinary_bladder"):
            labels, _ = ndimage.label(mask_of(body, name), np.ones((3, 3, 3)))
            sizes = np.bincount(labels.ravel())[1:]
            assert sizes.max() > 0.97 * sizes.sum(), name


def test_organs_keep_away_from_the_air(bodies):
    shell_free = ("liver", "brain", "heart", "kidneys", "lung", "urinary_bladder", "colon")
    for body in bodies:
        outside = body.label_map[:, :, :-1] == 0
        skin = ndimage.binary_dilation(outside)
        for name in shell_free:
            assert not (mask_of(body, name)[:, :, :-1] & skin).any(), name


def test_no_organ_is_an_ellipsoid(bodies):
    body = bodies[0]
    liver = np.argwhere(mask_of(body, "liver")) * body.spacing_mm
    offsets = liver - liver.mean(axis=0)
    # In a filled ellipsoid the squared Mahalanobis radius stays below 5.
    radius2 = np.einsum("na,ab,nb->n", offsets, np.linalg.inv(np.cov(offsets.T)), offsets)
    assert radius2.max() > 6.5


def test_bodies_differ(bodies):
    assert len({body.label_map.shape for body in bodies}) == 5
    assert {bool(mask_of(body, "uterus").any()) for body in bodies} == {True, False}


def test_same_seed_gives_the_same_body_at_any_spacing():
    first, second = (procedural_anatomy(np.random.default_rng(7), spacing_mm=(6, 6, 6)) for _ in range(2))
    np.testing.assert_array_equal(first.label_map, second.label_map)
    flat = procedural_anatomy(np.random.default_rng(7), spacing_mm=(6, 5, 3))
    assert flat.spacing_mm == pytest.approx((6, 5, 3))
    np.testing.assert_allclose(center_mm(flat, "liver"), center_mm(first, "liver"), atol=8)


@pytest.mark.parametrize("spacing_mm", [(4, 4), (0, 4, 4), (4, 4, 20), (4, 4, float("nan"))])
def test_refuses_unusable_spacing(spacing_mm):
    with pytest.raises(GeometryError, match="spacing_mm"):
        procedural_anatomy(np.random.default_rng(0), spacing_mm=spacing_mm)


def test_anatomy_refuses_ids_without_a_name():
    label_map = np.full((2, 2, 2), 9, dtype=np.int16)
    with pytest.raises(UsageError, match=r"\[9\] without a name"):
        Anatomy(label_map, np.eye(4), {1: "liver"})


def test_anatomy_refuses_flat_maps():
    with pytest.raises(GeometryError, match="3 dimensions"):
        Anatomy(np.zeros((2, 2), dtype=np.int16), np.eye(4), {})


def test_anatomy_mask_and_body(bodies):
    body = bodies[0]
    np.testing.assert_array_equal(body.mask("liver"), body.label_map == TISSUE_IDS["liver"])
    assert not body.mask("no_such_tissue").any()
    assert body.body.sum() == np.count_nonzero(body.label_map)


def test_groups_are_made_of_known_ids():
    assert GROUPS["heart"] == GROUPS["heart_myocardium"] + GROUPS["heart_blood_pool"]
    assert sorted(GROUPS["lung"]) == sorted(GROUPS["lung_left"] + GROUPS["lung_right"])
    assert all(set(ids) <= set(TISSUE_IDS.values()) for ids in GROUPS.values())
