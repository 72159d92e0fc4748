import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.phantom import Anatomy, PhantomConfig, procedural_anatomy, simulate_case

COARSE = PhantomConfig(spacing_mm=(5.0, 5.0, 4.0), lesion_count=(6, 6))


@pytest.fixture(scope="module")
def cases():
    return [simulate_case(seed, PhantomConfig(lesion_count=(6, 6))) for seed in range(3)]


def test_same_seed_gives_the_same_case():
    first, second = simulate_case(11, COARSE), simulate_case(11, COARSE)
    np.testing.assert_array_equal(first.volume.array, second.volume.array)
    np.testing.assert_array_equal(first.lesions, second.lesions)
    assert first.uptake == second.uptake
    assert not np.array_equal(simulate_case(12, COARSE).volume.shape, first.volume.shape)


def test_all_maps_share_one_right_anterior_superior_grid(cases):
    for case in cases:
        assert case.reference.shape == case.lesions.shape == case.volume.shape
        assert case.reference.dtype == case.lesions.dtype == np.int16
        assert np.array_equal(np.sign(np.diag(case.volume.affine)), (1, 1, 1, 1))


def test_lesions_lie_inside_tissue(cases):
    for case in cases:
        assert (case.reference[case.lesions > 0] > 0).all()
        assert case.lesions.max() == len(case.lesion_factors) == 6


def test_liver_looks_like_a_liver(cases):
    for case in cases:
        liver = np.isin(case.reference, case.labels["liver"]) & (case.lesions == 0)
        core = ndimage.binary_erosion(liver, iterations=3) & ~ndimage.binary_dilation(
            case.lesions > 0, iterations=4
        )
        suv = case.volume.array[core]
        assert 1.4 < suv.mean() < 3.6
        assert 0.04 < suv.std() / suv.mean() < 0.17


def test_soft_tissue_and_air_have_the_level_of_real_scans(cases):
    for case in cases:
        assert 0.35 < np.median(case.volume.array[case.reference > 0]) < 0.95
        far = ~ndimage.binary_dilation(case.reference > 0, iterations=5)
        assert np.median(case.volume.array[far]) == pytest.approx(0.03, abs=0.01)


def test_measured_contrast_of_large_lesions_is_that_simulated(cases):
    measured = 0
    for case in cases:
        for number, factor in case.lesion_factors.items():
            mask = case.lesions == number
            inside = ndimage.binary_erosion(mask, iterations=2)
            if inside.sum() < 20:
                continue
            shell = ndimage.binary_dilation(mask, iterations=5) & ~ndimage.binary_dilation(mask, iterations=3)
            background = np.median(case.volume.array[shell & (case.lesions == 0) & (case.reference > 0)])
            hottest = np.percentile(case.volume.array[inside], 90)
            assert hottest > 1.25 * min(background, hottest / factor)
            measured += 1
    assert measured > 0


def test_labels_are_the_same_in_every_case(cases):
    assert cases[0].labels == cases[1].labels
    assert (
        cases[0].labels["heart"] == cases[0].labels["heart_myocardium"] + cases[0].labels["heart_blood_pool"]
    )
    assert len(cases[0].labels["lung"]) == 5


def test_a_given_anatomy_keeps_its_grid():
    anatomy = procedural_anatomy(np.random.default_rng(3), spacing_mm=(6, 6, 6))
    first, second = (simulate_case(seed, COARSE, anatomy) for seed in (0, 1))
    np.testing.assert_array_equal(first.reference, anatomy.label_map)
    np.testing.assert_array_equal(first.volume.affine, anatomy.affine)
    assert not np.array_equal(first.volume.array, second.volume.array)


def test_mixed_draws_several_tracers():
    anatomy = procedural_anatomy(np.random.default_rng(3), spacing_mm=(10, 10, 10))
    config = PhantomConfig(tracer="mixed", lesion_count=(0, 0))
    assert len({simulate_case(seed, config, anatomy).tracer for seed in range(20)}) == 3


def test_refuses_an_anatomy_with_ids_of_its_own():
    anatomy = Anatomy(np.ones((8, 8, 8), dtype=np.int16), np.eye(4), {1: "liver"})
    with pytest.raises(UsageError, match="'liver' has id 1"):
        simulate_case(0, COARSE, anatomy)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tracer": "water"}, "'water'"),
        ({"lesion_count": (5, 2)}, "lesion_count"),
        ({"noise": (-0.1, 0.1)}, "noise"),
        ({"psf_fwhm_mm": (8.0, 4.0)}, "psf_fwhm_mm"),
    ],
)
def test_refuses_configurations_that_make_no_sense(settings, message):
    with pytest.raises(UsageError, match=message):
        PhantomConfig(**settings)
