import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy import TISSUE_IDS, anatomy_from_label_map, label_groups, procedural_anatomy
from seganypet.phantom.anatomy.landmarks import extents, fit_standard_body
from seganypet.phantom.anatomy.naming import tissue_name
from seganypet.phantom.anatomy.synonyms import BY_SIDE, SYNONYMS

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
    assert first_tissue in (TISSUE_IDS["skin"], TISSUE_IDS["subcutaneous_fat"])


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
        ("skin", "body"),
        ("body_trunc", "body"),
        ("pelvis", "pelvis"),
        ("subclavian_artery_left", "aorta"),
        ("kidney_cyst_right", "torso_fat"),
        ("quadriceps_femoris_left", "thigh_muscle_left"),
        ("tibia", "tibia"),
        ("ulna", "forearm"),
        ("brainstem", "brain_white_matter"),
        ("lung_upper_lobe_left", "lung_upper_lobe_left"),
        ("gluteus_medius_left", "skeletal_muscle"),
    ],
)
def test_names_of_other_maps(given, expected):
    assert tissue_name(given) == expected


def totalsegmentator_classes():
    """The 117 classes of TotalSegmentator v2's task `total`."""
    pairs = [
        *(
            "kidney",
            "adrenal_gland",
            "kidney_cyst",
            "iliac_artery",
            "iliac_vena",
            "humerus",
            "scapula",
            "hip",
        ),
        *("subclavian_artery", "common_carotid_artery", "brachiocephalic_vein", "clavicula", "femur"),
        *("gluteus_maximus", "gluteus_medius", "gluteus_minimus", "autochthon", "iliopsoas"),
    ]
    single = [
        *("spleen", "gallbladder", "liver", "stomach", "pancreas", "esophagus", "trachea", "thyroid_gland"),
        *(
            "small_bowel",
            "duodenum",
            "colon",
            "urinary_bladder",
            "prostate",
            "sacrum",
            "vertebrae_S1",
            "heart",
        ),
        *("aorta", "pulmonary_vein", "brachiocephalic_trunk", "atrial_appendage_left", "superior_vena_cava"),
        *("inferior_vena_cava", "portal_vein_and_splenic_vein", "spinal_cord", "brain", "skull", "sternum"),
        *("costal_cartilages", "lung_upper_lobe_left", "lung_lower_lobe_left", "lung_upper_lobe_right"),
        *("lung_middle_lobe_right", "lung_lower_lobe_right"),
    ]
    counts = {"L": 5, "T": 12, "C": 7}
    return [
        *single,
        *(f"{name}_{side}" for name in pairs for side in ("left", "right")),
        *(f"vertebrae_{region}{n + 1}" for region, count in counts.items() for n in range(count)),
        *(f"rib_{side}_{n + 1}" for side in ("left", "right") for n in range(12)),
    ]


def test_all_classes_of_totalsegmentator_are_known():
    classes = totalsegmentator_classes()
    assert len(set(classes)) == 117
    only_muscle = {name for name in classes if tissue_name(name) == "skeletal_muscle"}
    medial = {f"gluteus_{part}_{side}" for part in ("medius", "minimus") for side in ("left", "right")}
    assert only_muscle == medial | {"costal_cartilages"}
    assert {tissue_name(name) for name in classes} <= set(TISSUE_IDS)


def test_every_synonym_names_a_tissue():
    sided = {f"{stem}_{side}" for stem in BY_SIDE.values() for side in ("left", "right")}
    assert set(SYNONYMS.values()) | sided <= set(TISSUE_IDS)


def test_a_table_of_ones_own_goes_before_ours():
    label_map, affine = toy()
    own = {"mystery": "spleen", "Liver": "stomach"}
    body = anatomy_from_label_map(label_map, affine, NAMES, np.random.default_rng(0), tissues=own)
    assert "liver" not in body.names.values()
    assert {"spleen", "stomach", "kidney_left"} <= set(body.names.values())


def test_skin_may_be_a_tissue_of_its_own():
    label_map, affine = toy()
    label_map[8:-8, 8:-8][label_map[8:-8, 8:-8] == 1] = 9
    names = {**NAMES, 9: "body"}
    body = anatomy_from_label_map(
        label_map, affine, names, np.random.default_rng(0), tissues={"skin": "skin"}, spacing_mm=(5, 5, 5)
    )
    assert volume_ml(body, "skin") == pytest.approx((label_map == 1).sum() * 0.125, rel=0.35)


def test_a_label_on_both_sides_is_split():
    label_map, affine = toy()
    label_map[label_map == 4] = 3
    names = {**NAMES, 3: "kidney"}
    body = anatomy_from_label_map(label_map, affine, names, np.random.default_rng(0))
    assert center_mm(body, "kidney_right")[0] > center_mm(body, "kidney_left")[0] + 60


def test_refuses_tissues_there_are_not():
    with pytest.raises(UsageError, match=r"tissues\['mystery'\] is 'splen'.*did you mean spleen"):
        anatomy_from_label_map(*toy(), NAMES, np.random.default_rng(0), tissues={"mystery": "splen"})


def test_walls_are_filled():
    label_map, affine = toy()
    label_map[20:28, 14:22, 30:40] = 8
    label_map[22:26, 16:20, 30:40] = 1
    body = anatomy_from_label_map(label_map, affine, {**NAMES, 8: "colon"}, np.random.default_rng(3))
    colon = body.mask("colon")
    lumen = ndimage.binary_fill_holes(colon[:, :, np.argwhere(colon)[:, 2].mean().astype(int)])
    assert colon.sum() > 0
    assert lumen.sum() == colon[:, :, np.argwhere(colon)[:, 2].mean().astype(int)].sum()


def test_given_long_bones_get_a_marrow_cavity():
    label_map, affine = toy()
    fine = np.repeat(np.repeat(label_map, 2, axis=0), 2, axis=1)
    fine[70:80, 40:50, :] = 10
    affine = np.diag([2.5, 2.5, 5.0, 1.0])
    names = {**NAMES, 10: "femur_right"}
    body = anatomy_from_label_map(fine, affine, names, np.random.default_rng(0), spacing_mm=(2.5, 2.5, 5))
    marrow = body.mask("femur_marrow_right")
    assert 0.05 < marrow.sum() / body.mask("femur_right").sum() < 1.0
    touching = ndimage.binary_dilation(marrow, np.ones((3, 3, 1))) & ~marrow
    assert (touching & ~body.mask("femur_right")).sum() == 0


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


def as_totalsegmentator_shows_it(body):
    """A body as organs and bones alone: no skin, fat or muscle, a brain and a heart in one piece."""
    label_map, names = body.label_map.copy(), {}
    known = set(totalsegmentator_classes())
    for identifier, name in body.names.items():
        whole = name.replace("_marrow", "").replace("kidney_pelvis", "kidney")
        if name.startswith(("brain", "cerebellum", "heart")):
            whole = "heart" if name.startswith("heart") else "brain"
            whole = "" if name == "brown_fat" else whole
        if whole in known and not whole.startswith("autochthon"):
            names[identifier] = whole
        else:
            label_map[label_map == identifier] = 0
    return label_map, names


def test_what_totalsegmentator_leaves_out_is_filled_in():
    source = procedural_anatomy(np.random.default_rng(3), spacing_mm=(5, 5, 5))
    label_map, names = as_totalsegmentator_shows_it(source)
    body = anatomy_from_label_map(
        label_map, source.affine, names, np.random.default_rng(1), spacing_mm=(5, 5, 5)
    )
    added = {
        *("skin", "subcutaneous_fat", "brown_fat", "brain_white_matter", "brain_ventricle", "nasal_mucosa"),
        *("femur_marrow_left", "humerus_marrow_right", "autochthon_left", "thigh_muscle_right"),
        *("parotid_gland_left", "heart_myocardium", "ureter_right", "arm_muscle_left"),
    }
    assert not added & {tissue_name(name) for name in names.values()}
    assert added <= set(body.names.values())
    for name in ("liver", "spleen", "lung"):
        assert 0.6 < volume_ml(body, name) / volume_ml(source, name) < 1.6
    assert volume_ml(body, "brain") / volume_ml(source, "brain") > 0.6


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
    added = {
        "brain_white_matter",
        "brown_fat",
        "skin",
        "autochthon_left",
        "thigh_muscle_right",
        "femur_marrow_left",
    }
    added |= {"breast_left", "breast_right"} if who == "female" else set()
    assert added <= set(body.names.values())
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
