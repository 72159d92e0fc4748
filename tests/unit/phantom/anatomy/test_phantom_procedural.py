import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom.anatomy import TISSUE_IDS, TISSUES, Anatomy, label_groups, procedural_anatomy
from seganypet.phantom.anatomy.organ_volumes import ORGAN_VOLUMES, organ_volumes_ml

FEMALE_ONLY = {"uterus", "ovary_left", "ovary_right", "breast_left", "breast_right"}
LOWER_LEG = ("tibia", "tibia_marrow", "fibula", "patella")
GROUPS = label_groups()
SEEDS = (0, 1, 2, 3, 4)


@pytest.fixture(scope="module")
def bodies():
    return [procedural_anatomy(np.random.default_rng(seed)) for seed in SEEDS]


def mask_of(anatomy, name):
    table = np.zeros(len(TISSUES) + 1, dtype=bool)
    table[GROUPS[name]] = True
    return table[anatomy.label_map]


def center_mm(anatomy, name):
    voxels = np.argwhere(mask_of(anatomy, name)).mean(axis=0)
    return anatomy.affine[:3, :3] @ voxels + anatomy.affine[:3, 3]


@pytest.fixture(scope="module")
def volumes_ml(bodies):
    return [organ_volumes_ml(body) for body in bodies]


def is_female(body):
    return "uterus" in body.names.values()


@pytest.mark.parametrize("name", ORGAN_VOLUMES)
def test_organ_volumes_are_those_of_adults(bodies, volumes_ml, name):
    organ = ORGAN_VOLUMES[name]
    drawn = [
        (found[name], is_female(body))
        for body, found in zip(bodies, volumes_ml, strict=True)
        if name in found
    ]
    for volume_ml, _ in drawn:
        assert organ.low_ml <= volume_ml <= organ.high_ml, f"{name}: {volume_ml:.0f} ml"
    ratios = [volume_ml / (organ.female_ml if female else organ.male_ml) for volume_ml, female in drawn]
    # Few bodies: a third for the geometry, and what chance adds to their mean.
    assert abs(np.mean(ratios) - 1) < 0.33 + 2 * organ.spread / np.sqrt(len(ratios))


def test_every_body_has_every_organ_of_its_sex(bodies):
    for body in bodies:
        present = set(body.names.values())
        absent = {"prostate", "testis_left", "testis_right"} if is_female(body) else FEMALE_ONLY
        absent |= {"stomach_gas", "colon_gas"}  # not in everybody
        below_the_image = {f"{bone}_{side}" for bone in LOWER_LEG for side in ("left", "right")}
        assert set(TISSUES) - present <= absent | below_the_image


@pytest.mark.parametrize(
    "organ", ["kidney", "lung", "femur", "hip", "parotid_gland", "scapula", "humerus", "thigh_muscle", "eye"]
)
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


SOLID = [
    *("liver", "brain", "heart", "kidney_left", "kidney_right", "urinary_bladder", "spleen", "stomach"),
    *("lung_left", "lung_right", "pancreas", "aorta", "cerebellum", "gallbladder", "heart_myocardium"),
    *("femur_left", "hip_right", "sacrum", "autochthon_left", "esophagus"),
    *("colon", "duodenum", "thyroid_gland", "gluteus_maximus_left"),
]


def test_solid_organs_are_in_one_piece(bodies):
    for body in bodies:
        for name in SOLID:
            mask = mask_of(body, name)
            labels, _ = ndimage.label(mask[ndimage.find_objects(mask.astype(np.int8))[0]], np.ones((3, 3, 3)))
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
    assert len({body.label_map.shape for body in bodies}) == len(SEEDS)
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
    assert GROUPS["lung"] == GROUPS["lung_left"] + GROUPS["lung_right"]
    assert len(GROUPS["lung"]) == 5 + 2  # lobes, and vessels of both sides
    assert GROUPS["stomach"] == [TISSUE_IDS["stomach"], TISSUE_IDS["stomach_gas"]]
    assert TISSUE_IDS["pulmonary_vessels_left"] in GROUPS["lung_left"]
    assert GROUPS["lung_lower_lobe_left"] == [TISSUE_IDS["lung_lower_lobe_left"]]
    assert all(set(ids) <= set(TISSUE_IDS.values()) for ids in GROUPS.values())


def test_new_tissues_come_after_the_old_ones():
    old = ("subcutaneous_fat", "liver", "rib_right_12")
    assert [TISSUE_IDS[name] for name in old] == [1, 23, 130]
    assert TISSUES[130] == "skin"


def test_brain_is_grey_and_white_matter_ventricles_and_cerebellum(bodies):
    for body in bodies:
        grey, white, ventricle = (
            np.count_nonzero(body.mask(name)) for name in ("brain", "brain_white_matter", "brain_ventricle")
        )
        assert 0.9 < grey / white < 2.2
        assert ventricle < 0.15 * white
        # The rind lies outside: white matter does not touch the skull, but for the stem.
        near_skull = ndimage.binary_dilation(body.mask("skull"))
        assert (body.mask("brain_white_matter") & near_skull).sum() < 0.06 * white


def test_marrow_lies_inside_its_bone(bodies):
    for body in bodies:
        for name in ("femur", "humerus"):
            marrow = body.mask(f"{name}_marrow_right")
            around = ndimage.binary_dilation(marrow, np.ones((3, 3, 3))) & ~marrow
            allowed = body.mask(f"{name}_right")
            outside = around & ~allowed
            outside[:, :, :1] = False  # where the image cuts the bone
            assert outside.sum() < 0.15 * around.sum()


def test_skin_covers_the_body_and_little_more(bodies):
    for body in bodies:
        skin = body.mask("skin")
        rim = body.body & ndimage.binary_dilation(~body.body)
        assert (skin & ~ndimage.binary_dilation(rim)).sum() < 0.03 * skin.sum()
        surface_m2 = rim.sum() * 16e-6  # faces of 4 mm voxels, roughly
        thickness_mm = skin.sum() * 64e-9 / surface_m2 * 1e3
        assert 0.8 < thickness_mm < 3.0


def litres(body, *names):
    return body.mask(*names).sum() * np.prod(body.spacing_mm) / 1e6


def test_gas_lies_in_front_of_what_else_the_stomach_holds(bodies):
    found = [body for body in bodies if body.mask("stomach_gas").any()]
    assert found
    for body in found:
        gas, rest = (np.argwhere(body.mask(name))[:, 1] for name in ("stomach_gas", "stomach"))
        assert gas.min() > np.quantile(rest, 0.5)
        assert len(gas) < 0.6 * (len(gas) + len(rest))


def test_gas_keeps_inside_the_wall(bodies):
    for body in bodies:
        for organ in ("stomach", "colon"):
            gas = body.mask(f"{organ}_gas")
            around = ndimage.binary_dilation(gas) & ~gas
            assert (around & ~body.mask(organ)).sum() <= 0.02 * around.sum()


def test_fat_between_muscles_is_thin_and_of_the_usual_share(bodies):
    muscles = [name for name in TISSUES if "muscle" in name or name.startswith(("gluteus", "autochthon"))]
    for body in bodies:
        fat = body.mask("intermuscular_fat")
        assert 0.03 < fat.sum() / (fat.sum() + body.mask(*muscles).sum()) < 0.17
        assert ndimage.binary_erosion(fat, np.ones((3, 3, 3))).sum() < 0.05 * fat.sum()


def test_vessels_leave_the_hila_and_reach_far_into_the_lungs(bodies):
    for body in bodies:
        for side in ("left", "right"):
            vessels = body.mask(f"pulmonary_vessels_{side}")
            lung = mask_of(body, f"lung_{side}")
            assert 0.015 < litres(body, f"pulmonary_vessels_{side}") < 0.15
            reach = np.ptp(np.argwhere(vessels), axis=0) / np.ptp(np.argwhere(lung), axis=0)
            assert (reach > (0.45, 0.4, 0.5)).all()


def test_the_liver_is_long_on_the_right_and_reaches_across_the_midline(bodies):
    shares = []
    for body in bodies:
        voxels = np.argwhere(body.mask("liver"))
        midline = np.argwhere(body.mask("vertebrae_T12"))[:, 0].mean()
        shares.append((voxels[:, 0] < midline).mean())
        assert 120 < np.ptp(voxels[:, 2]) * body.spacing_mm[2] < 230
    assert 0.1 < np.mean(shares) < 0.35


def test_a_small_bladder_is_flat(bodies):
    for body in bodies:
        bladder = np.argwhere(body.mask("urinary_bladder"))
        width, depth, height = (np.ptp(bladder, axis=0) + 1) * body.spacing_mm
        if litres(body, "urinary_bladder") < 0.15:
            assert height < 0.85 * min(width, depth)


def test_muscle_of_hanging_arms_is_not_the_thighs():
    tried = 0
    for seed in range(16):
        body = procedural_anatomy(np.random.default_rng(seed), spacing_mm=(6, 6, 6))
        for side in ("left", "right"):
            forearm, thigh = body.mask(f"forearm_{side}"), body.mask(f"thigh_muscle_{side}")
            heights = np.flatnonzero(forearm.any(axis=(0, 1)))
            if not len(heights) or not thigh[..., heights[0]].any():
                continue  # no arms, or raised ones
            tried += 1
            near = ndimage.distance_transform_edt(~forearm, sampling=body.spacing_mm) < 22
            assert (near & thigh).sum() * 0.216 < 3.0, f"seed {seed}, {side}"
    assert tried >= 4
