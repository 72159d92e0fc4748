from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom import PROTOCOLS, Anatomy, PhantomConfig, procedural_anatomy, simulate_case
from seganypet.phantom.scanner.protocols import draw_examination
from seganypet.phantom.view import crop, slices_in_view

COARSE = PhantomConfig(spacing_mm=(6.0, 6.0, 6.0), lesion_count=(6, 6))


@pytest.fixture(scope="module")
def cases():
    config = PhantomConfig(scanner="clinical", lesion_count=(6, 6), artefact_share=0.0)
    return [simulate_case(seed, config) for seed in range(3)]


def test_same_seed_gives_the_same_case():
    first, second = simulate_case(11, COARSE), simulate_case(11, COARSE)
    np.testing.assert_array_equal(first.volume.array, second.volume.array)
    np.testing.assert_array_equal(first.lesions, second.lesions)
    assert first.uptake == second.uptake
    assert first.plans == second.plans
    assert not np.array_equal(simulate_case(12, COARSE).volume.shape, first.volume.shape)


def test_same_seed_with_another_tracer_is_the_same_body_on_the_same_scanner():
    fdg, psma = (simulate_case(11, replace(COARSE, tracer=tracer)) for tracer in ("fdg", "psma"))
    np.testing.assert_array_equal(fdg.reference, psma.reference)
    assert fdg.examination == psma.examination
    assert psma.uptake["parotid_gland_left"] > fdg.uptake["parotid_gland_left"]


def test_all_maps_share_one_right_anterior_superior_grid(cases):
    for case in cases:
        assert case.reference.shape == case.lesions.shape == case.volume.shape
        assert case.reference.dtype == case.lesions.dtype == np.int16
        assert np.array_equal(np.sign(np.diag(case.volume.affine)), (1, 1, 1, 1))


def test_lesions_lie_inside_tissue_and_are_numbered_without_gaps(cases):
    for case in cases:
        assert (case.reference[case.lesions > 0] > 0).all()
        assert 4 <= case.lesions.max() <= 6
        assert case.lesions.max() == len(case.plans)
        assert set(np.unique(case.lesions)) == set(range(case.lesions.max() + 1))


def test_liver_looks_like_a_liver(cases):
    for case in cases:
        liver = np.isin(case.reference, case.labels["liver"]) & (case.lesions == 0)
        core = ndimage.binary_erosion(liver, iterations=3) & ~ndimage.binary_dilation(
            case.lesions > 0, iterations=4
        )
        suv = case.volume.array[core]
        assert suv.mean() == pytest.approx(case.uptake["liver"], rel=0.08)
        assert 0.05 < suv.std() / suv.mean() < 0.25


def test_soft_tissue_and_air_have_the_level_of_real_scans(cases):
    for case in cases:
        assert 0.3 < np.median(case.volume.array[case.reference > 0]) < 0.95
        far = ~ndimage.binary_dilation(case.reference > 0, iterations=10)
        assert np.median(case.volume.array[far]) < 0.01


def test_true_activity_has_its_lesions_suv(cases):
    for case in cases:
        for number, plan in enumerate(case.plans, start=1):
            mask = (case.lesions == number) & (case.reference > 0)
            hottest = np.percentile(case.activity[mask], 90)
            assert hottest > 0.4 * plan.suv


def test_labels_are_the_same_in_every_case(cases):
    assert cases[0].labels == cases[1].labels
    assert (
        cases[0].labels["heart"] == cases[0].labels["heart_myocardium"] + cases[0].labels["heart_blood_pool"]
    )
    assert cases[0].labels["lung"] == cases[0].labels["lung_left"] + cases[0].labels["lung_right"]


def test_a_given_anatomy_keeps_its_grid():
    anatomy = procedural_anatomy(np.random.default_rng(3), spacing_mm=(6, 6, 6))
    first, second = (simulate_case(seed, COARSE, anatomy) for seed in (0, 1))
    np.testing.assert_array_equal(first.reference, anatomy.label_map)
    np.testing.assert_array_equal(first.volume.affine, anatomy.affine)
    assert not np.array_equal(first.volume.array, second.volume.array)


def test_mixed_draws_several_tracers_and_presets():
    anatomy = procedural_anatomy(np.random.default_rng(3), spacing_mm=(10, 10, 10))
    config = PhantomConfig(tracer="mixed", lesions="mixed")
    cases = [simulate_case(seed, config, anatomy) for seed in range(30)]
    assert len({case.tracer for case in cases}) >= 5
    assert len({case.preset for case in cases}) >= 4


def test_voxels_and_axes_are_as_the_scanner_writes_them():
    config = PhantomConfig(spacing_mm=None, as_written=True, scanner="ge_discovery_st", lesion_count=(3, 3))
    case = simulate_case(4, config)
    assert case.volume.spacing_mm == pytest.approx(case.examination.spacing_mm)
    assert case.volume.spacing_mm[0] in (4.6875, 5.46875)
    axes = "".join("RAS"[at] if case.volume.affine[at, at] > 0 else "LPI"[at] for at in range(3))
    assert axes == case.examination.orientation
    upright = simulate_case(4, replace(config, as_written=False))
    assert upright.volume.array.sum() == pytest.approx(case.volume.array.sum())
    voxel = np.argwhere(case.lesions == 1)[0]
    xyz = case.volume.to_xyz_mm(voxel)
    i, j, k = np.rint(upright.volume.to_ijk(xyz)).astype(int)
    assert upright.lesions[i, j, k] == 1
    assert upright.volume.array[i, j, k] == case.volume.array[tuple(voxel)]


def test_a_limited_field_of_view_shows_a_part_of_the_body():
    whole, part = (
        simulate_case(11, replace(COARSE, limited_share=share, scanner="united_imaging_uexplorer"))
        for share in (0.0, 1.0)
    )
    assert 150 / 6 - 1 <= part.volume.shape[2] <= 450 / 6 < whole.volume.shape[2]
    start = round(part.volume.affine[2, 3] - whole.volume.affine[2, 3]) // 6
    np.testing.assert_array_equal(part.reference, whole.reference[..., start : start + part.volume.shape[2]])


def test_refuses_an_anatomy_with_ids_of_its_own():
    anatomy = Anatomy(np.ones((8, 8, 8), dtype=np.int16), np.eye(4), {1: "liver"})
    with pytest.raises(UsageError, match="'liver' has id 1"):
        simulate_case(0, COARSE, anatomy)


def test_refuses_an_anatomy_on_a_grid_of_another_orientation():
    body = procedural_anatomy(np.random.default_rng(3), spacing_mm=(10, 10, 10))
    turned = Anatomy(body.label_map, np.diag([-1.0, 1, 1, 1]) @ body.affine, dict(body.names))
    with pytest.raises(GeometryError, match=r"not RAS\+"):
        simulate_case(0, COARSE, turned)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tracer": "water"}, "'water'"),
        ({"lesion_count": (5, 2)}, "lesion_count"),
        ({"lesions": "flu"}, "'flu'; expected one of"),
        ({"scanner": "ct"}, "'ct'; expected one of"),
        ({"breathing_mm": (8.0, 4.0)}, "breathing_mm"),
        ({"artefact_share": 1.5}, "artefact_share"),
        ({"limited_share": -0.1}, "limited_share"),
        ({"spacing_mm": 4.0}, "expected three sizes"),
        ({"spacing_mm": (0.5, 0.5, 0.5)}, "expected 1 mm or more"),
    ],
)
def test_refuses_configurations_that_make_no_sense(settings, message):
    with pytest.raises(UsageError, match=message):
        PhantomConfig(**settings)


def test_nothing_is_labelled_outside_the_bore():
    arms = next(
        seed
        for seed in range(20)
        if procedural_anatomy(np.random.default_rng(seed), spacing_mm=(8, 8, 8)).label_map.shape[0] * 8 > 620
    )
    body = procedural_anatomy(np.random.default_rng(arms), spacing_mm=(8, 8, 8))
    case = simulate_case(0, replace(COARSE, scanner="ge_discovery_st"), body)
    x, y = ((np.arange(n) - (n - 1) / 2) * 8 for n in case.volume.shape[:2])
    outside = np.hypot(x[:, None], y[None, :]) > 300
    assert body.label_map[outside].any()
    assert not case.reference[outside].any()
    assert not case.volume.array[outside].any()


def test_a_scanner_covers_what_its_length_allows_from_the_thighs_up():
    body = procedural_anatomy(np.random.default_rng(3), spacing_mm=(8, 8, 8))
    protocol = replace(PROTOCOLS["philips_gemini_tf"][0], axial_mm=(700.0, 700.0))
    examination = draw_examination((protocol,), np.random.default_rng(0))
    slices = slices_in_view(body, examination, 0.0, np.random.default_rng(0))
    assert (slices.stop - slices.start) * 8 == pytest.approx(700, abs=8)
    part = crop(body, slices)
    assert part.mask("urinary_bladder").any()
    assert part.affine[2, 3] == pytest.approx(body.affine[2, 3] + 8 * slices.start)


def test_lesions_and_dome_are_those_of_the_whole_body_in_any_view():
    config = replace(COARSE, scanner="united_imaging_uexplorer", lesion_count=(12, 12))
    whole, part = (simulate_case(11, replace(config, limited_share=share)) for share in (0.0, 1.0))
    start = round((part.volume.affine[2, 3] - whole.volume.affine[2, 3]) / 6)
    centers = {tuple(np.round(plan.center_ijk, 3)) for plan in whole.plans}
    for plan in part.plans:
        i, j, k = plan.center_ijk
        assert tuple(np.round((i, j, k + start), 3)) in centers
    assert len(part.plans) < len(whole.plans)


def test_refuses_a_negative_seed():
    with pytest.raises(UsageError, match="seed is -1"):
        simulate_case(-1)
