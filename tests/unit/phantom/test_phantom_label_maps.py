import json

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom import TISSUE_IDS, anatomy_from_label_map, label_groups
from seganypet.phantom.anatomy.landmarks import extents, fit_standard_body
from seganypet.phantom.anatomy.naming import tissue_name

GROUPS = label_groups()
NAMES = {1: "skin", 2: "liver", 3: "kidney_l", 4: "kidney_r", 7: "mystery"}


def toy(with_skin=True):
    """A box of a body at 5 mm, RAS+: the liver and one kidney to the right, an unknown structure in front."""
    label_map = np.zeros((60, 40, 50), dtype=np.uint8)
    if with_skin:
        label_map[4:-4, 4:-4, :] = 1
    label_map[32:50, 12:28, 20:40] = 2
    label_map[14:20, 10:16, 12:24] = 3
    label_map[40:46, 10:16, 8:18] = 4
    label_map[28:32, 28:32, 20:24] = 7
    return label_map, np.diag([5.0, 5.0, 5.0, 1.0])


def center_mm(anatomy, name):
    voxels = np.argwhere(np.isin(anatomy.label_map, GROUPS[name])).mean(axis=0)
    return anatomy.affine[:3, :3] @ voxels + anatomy.affine[:3, 3]


def volume_ml(anatomy, name):
    return np.isin(anatomy.label_map, GROUPS[name]).sum() * np.prod(anatomy.spacing_mm) / 1000


def test_sides_volumes_and_order_survive_scale_and_warp():
    label_map, affine = toy()
    for seed in range(4):
        body = anatomy_from_label_map(label_map, affine, NAMES, np.random.default_rng(seed))
        assert center_mm(body, "kidney_right")[0] > center_mm(body, "kidney_left")[0] + 60
        assert center_mm(body, "liver")[2] > center_mm(body, "kidney_left")[2]
        ratio = volume_ml(body, "liver") / (18 * 16 * 20 * 0.125)
        assert 0.85**3 * 0.8 < ratio < 1.15**3 * 1.2


def test_a_flipped_file_gives_the_same_body():
    label_map, affine = toy()
    flipped = affine.copy()
    flipped[0, 0], flipped[0, 3] = -5.0, 5.0 * 59
    first = anatomy_from_label_map(label_map, affine, NAMES, np.random.default_rng(1))
    second = anatomy_from_label_map(label_map[::-1], flipped, NAMES, np.random.default_rng(1))
    np.testing.assert_array_equal(first.label_map, second.label_map)


def test_skin_is_carved_into_fat_and_muscle():
    body = anatomy_from_label_map(*toy(), NAMES, np.random.default_rng(2))
    assert {"subcutaneous_fat", "skeletal_muscle", "torso_fat"} <= set(body.names.values())
    middle = body.label_map[:, body.label_map.shape[1] // 2, body.label_map.shape[2] // 2]
    first_tissue = middle[np.flatnonzero(middle)[0]]
    assert first_tissue == TISSUE_IDS["subcutaneous_fat"]


def test_a_body_is_made_where_none_is_labelled():
    label_map, affine = toy(with_skin=False)
    body = anatomy_from_label_map(label_map, affine, NAMES, np.random.default_rng(2))
    between = (center_mm(body, "kidney_left") + center_mm(body, "kidney_right")) / 2
    voxel = np.rint(np.linalg.solve(body.affine, np.append(between, 1)))[:3].astype(int)
    assert body.label_map[tuple(voxel)] > 0
    organs = np.isin(body.label_map, [TISSUE_IDS["liver"], TISSUE_IDS["kidney_left"]])
    assert np.count_nonzero(body.label_map) > 1.3 * np.count_nonzero(organs)
    sides = np.concatenate([body.label_map[[0, -1]].ravel(), body.label_map[:, [0, -1]].ravel()])
    assert not sides.any(), "air all around"


def test_unknown_labels_count_as_muscle():
    assert tissue_name("mystery") == "skeletal_muscle"
    assert set(anatomy_from_label_map(*toy(), NAMES, np.random.default_rng(0)).names.values()) <= set(
        TISSUE_IDS
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("kidney_l", "kidney_left"),
        ("Intestine_Large", "colon"),
        ("urinary bladder", "urinary_bladder"),
        ("vertebrae_L3", "vertebrae_L3"),
        ("palatine_tonsil_r", "palatine_tonsils"),
        ("lung_upper_lobe_left", "lung_upper_lobe_left"),
        ("gluteus_medius_left", "skeletal_muscle"),
    ],
)
def test_names_of_other_maps(given, expected):
    assert tissue_name(given) == expected


def test_extents_are_in_world_coordinates():
    label_map, affine = toy()
    liver = extents(label_map, affine, {"liver": [2]})["liver"]
    np.testing.assert_allclose(liver.low, (160, 60, 100))
    np.testing.assert_allclose(liver.center, (202.5, 97.5, 147.5))


def test_fit_needs_heart_and_kidneys():
    label_map, affine = toy()
    assert (
        fit_standard_body(extents(label_map, affine, {"kidney_left": [3], "kidney_right": [4]}), None) is None
    )


@pytest.mark.real_data
@pytest.mark.parametrize("who", ["male", "female"])
def test_visible_human_is_completed(shared_data, who):
    image = nib.load(shared_data / "anatomy" / f"visible_human_{who}_3mm.nii.gz")
    names = json.loads((shared_data / "anatomy" / f"visible_human_{who}_3mm.json").read_text())
    names = {int(identifier): name for identifier, name in names.items()}
    label_map = np.asarray(image.dataobj).astype(np.int16)
    body = anatomy_from_label_map(
        label_map, image.affine, names, np.random.default_rng(0), spacing_mm=(5, 5, 5)
    )
    assert 2000 < volume_ml(body, "lung") < 7000
    assert 900 < volume_ml(body, "brain") < 1900
    assert 50 < volume_ml(body, "heart_myocardium") < 260
    assert center_mm(body, "liver")[0] > center_mm(body, "spleen")[0]
    assert center_mm(body, "brain")[2] > center_mm(body, "lung")[2] > center_mm(body, "urinary_bladder")[2]
    assert center_mm(body, "lung_right")[0] > center_mm(body, "lung_left")[0]


@pytest.mark.real_data
def test_abdomen_gets_a_body_around_it(shared_data):
    image = nib.load(shared_data / "anatomy" / "totalsegmentator_example_labels_3mm.nii.gz")
    text = (shared_data / "anatomy" / "totalsegmentator_example_labels_3mm.json").read_text()
    names = {int(identifier): name for identifier, name in json.loads(text).items()}
    label_map = np.asarray(image.dataobj).astype(np.int16)
    body = anatomy_from_label_map(label_map, image.affine, names, np.random.default_rng(0))
    assert 600 < volume_ml(body, "liver") < 1700  # the map holds 1,123 ml of it
    assert volume_ml(body, "subcutaneous_fat") > 500
    assert "brain" not in body.names.values()


def test_refuses_ids_without_a_name():
    with pytest.raises(UsageError, match=r"\[7\] without a name"):
        anatomy_from_label_map(*toy(), {1: "skin", 2: "liver", 3: "a", 4: "b"}, np.random.default_rng(0))


def test_refuses_an_empty_map():
    with pytest.raises(UsageError, match="empty"):
        anatomy_from_label_map(np.zeros((4, 4, 4), dtype=int), np.eye(4), {}, np.random.default_rng(0))


def test_refuses_fractions():
    with pytest.raises(UsageError, match="float64"):
        anatomy_from_label_map(np.ones((4, 4, 4)), np.eye(4), {1: "liver"}, np.random.default_rng(0))


def test_refuses_a_flat_map():
    with pytest.raises(GeometryError, match="3 dimensions"):
        anatomy_from_label_map(np.ones((4, 4), dtype=int), np.eye(4), {1: "liver"}, np.random.default_rng(0))
