import numpy as np
import pytest
from scipy import ndimage

from seganypet.errors import UsageError
from seganypet.phantom import TISSUE_IDS, Anatomy, add_lesions, body_activity

UPTAKE = {"skeletal_muscle": 0.6, "liver": 2.2}


@pytest.fixture(scope="module")
def slab():
    label_map = np.zeros((60, 40, 70), dtype=np.int16)
    label_map[4:-4, 4:-4, 4:-4] = TISSUE_IDS["skeletal_muscle"]
    label_map[20:50, 10:30, 20:50] = TISSUE_IDS["liver"]
    names = {TISSUE_IDS[name]: name for name in UPTAKE}
    return Anatomy(label_map, np.diag([4.0, 4.0, 4.0, 1.0]), names)


@pytest.fixture(scope="module")
def lesions(slab):
    return add_lesions(slab, UPTAKE, np.random.default_rng(1), 25)


def test_body_activity_is_the_uptake_of_each_tissue(slab):
    activity = body_activity(slab, UPTAKE)
    assert activity[0, 0, 0] == 0
    assert activity[5, 5, 5] == pytest.approx(0.6)
    assert activity[30, 20, 30] == pytest.approx(2.2)


def test_as_many_lesions_as_asked_for_inside_the_body(slab, lesions):
    assert set(np.unique(lesions.instances)) == set(range(26))
    assert set(lesions.factors) == set(range(1, 26))
    assert (slab.label_map[lesions.instances > 0] > 0).all()


def test_lesions_are_hotter_than_what_they_lie_in(slab, lesions):
    before = body_activity(slab, UPTAKE)
    for number, factor in lesions.factors.items():
        mask = lesions.instances == number
        background = np.median(before[mask])
        suv = lesions.activity[mask & ~lesions.cores]
        assert np.ptp(suv) == 0
        assert suv[0] == pytest.approx(factor * background, rel=1e-4)
        assert suv[0] >= background + 0.999
        assert 1.4 < factor <= 15


def test_volumes_run_from_small_to_large_with_many_small(slab):
    volumes = []
    for seed in range(6):
        found = add_lesions(slab, UPTAKE, np.random.default_rng(seed), 12)
        volumes += (np.bincount(found.instances.ravel())[1:] * 0.064).tolist()
    assert min(volumes) >= 3 * 0.064
    assert max(volumes) > 30
    assert max(volumes) < 300
    assert np.median(volumes) < 12


def test_instances_are_connected_and_apart(lesions):
    _, count = ndimage.label(lesions.instances > 0, np.ones((3, 3, 3)))
    assert count == len(lesions.factors)


def test_necrotic_cores_belong_to_their_lesion_and_are_colder(slab):
    found = [add_lesions(slab, UPTAKE, np.random.default_rng(seed), 10) for seed in range(6)]
    assert any(lesions.cores.any() for lesions in found)
    for lesions in found:
        assert (lesions.instances[lesions.cores] > 0).all()
        for number in np.unique(lesions.instances[lesions.cores]):
            mask = lesions.instances == number
            assert lesions.activity[mask & lesions.cores].max() < lesions.activity[mask].max() * 0.51


def test_no_lesions_leave_the_body_as_it_is(slab):
    found = add_lesions(slab, UPTAKE, np.random.default_rng(0), 0)
    assert not found.instances.any()
    np.testing.assert_array_equal(found.activity, body_activity(slab, UPTAKE))


def test_same_seed_gives_the_same_lesions(slab, lesions):
    again = add_lesions(slab, UPTAKE, np.random.default_rng(1), 25)
    np.testing.assert_array_equal(again.instances, lesions.instances)


def test_refuses_a_negative_count(slab):
    with pytest.raises(UsageError, match="count -1"):
        add_lesions(slab, UPTAKE, np.random.default_rng(0), -1)


def test_refuses_missing_uptake(slab):
    with pytest.raises(UsageError, match="no uptake for liver"):
        add_lesions(slab, {"skeletal_muscle": 0.6}, np.random.default_rng(0), 1)


def test_refuses_an_empty_body():
    empty = Anatomy(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4), {})
    with pytest.raises(UsageError, match="no tissue"):
        add_lesions(empty, {}, np.random.default_rng(0), 1)
