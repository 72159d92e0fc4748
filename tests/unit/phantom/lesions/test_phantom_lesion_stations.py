import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.lesions.candidates import BodyVoxels
from seganypet.phantom.lesions.stations import FAT, MUSCLE, STATIONS


def anatomy_of(label_map, names, affine=None):
    affine = np.diag([4.0, 4.0, 4.0, 1.0]) if affine is None else affine
    return Anatomy(label_map.astype(np.int16), affine, names)


@pytest.fixture(scope="module")
def slab():
    """Muscle of 160 x 120 x 200 mm with a bladder of 40 mm in its middle and a lung on each side above."""
    label_map = np.zeros((44, 34, 54), dtype=np.int16)
    label_map[2:-2, 2:-2, 2:-2] = 1
    label_map[17:27, 12:22, 10:20] = 2
    label_map[4:16, 6:28, 34:50] = 3
    label_map[28:40, 6:28, 34:50] = 4
    names = {
        1: "skeletal_muscle",
        2: "urinary_bladder",
        3: "lung_upper_lobe_left",
        4: "lung_upper_lobe_right",
    }
    return anatomy_of(label_map, names)


@pytest.fixture(scope="module")
def body():
    return procedural_anatomy(np.random.default_rng(4), spacing_mm=(6.0, 6.0, 6.0))


@pytest.fixture(scope="module")
def voxels(body):
    return BodyVoxels(body, np.random.default_rng(0))


def hosts(anatomy, places):
    return {anatomy.names[int(at)] for at in np.unique(anatomy.label_map[tuple(places.ijk.T)])}


def middle(voxels, name, axis):
    return float(np.median(voxels.candidates(name).xyz_mm[:, axis]))


def test_places_beside_an_organ_lie_within_its_distance(slab):
    places = BodyVoxels(slab, np.random.default_rng(0)).candidates("beside_bladder")
    low, high = np.array([17, 12, 10]), np.array([26, 21, 19])
    nearest = np.clip(places.ijk, low, high)
    distance = 4.0 * np.linalg.norm(places.ijk - nearest, axis=1)
    assert len(places.ijk) > 100
    assert distance.min() >= 3.0
    assert distance.max() <= 16.0
    assert hosts(slab, places) == {"skeletal_muscle"}


def test_sides_are_those_of_the_names_and_of_the_midline(slab):
    voxels = BodyVoxels(slab, np.random.default_rng(0))
    lungs = voxels.candidates("lung")
    assert (lungs.side == np.where(lungs.ijk[:, 0] > 22, 1, -1)).all()
    muscle = voxels.candidates("muscle")
    far = np.abs(muscle.ijk[:, 0] - 21.5) > 4
    assert (muscle.side[far] == np.where(muscle.ijk[far, 0] > 21.5, 1, -1)).all()


def test_a_mirrored_grid_keeps_the_sides_of_the_patient(slab):
    affine = np.diag([-4.0, 4.0, 4.0, 1.0])
    affine[0, 3] = 4.0 * (slab.label_map.shape[0] - 1)
    mirrored = anatomy_of(slab.label_map[::-1], slab.names, affine)
    muscle = BodyVoxels(mirrored, np.random.default_rng(0)).candidates("muscle")
    far = np.abs(muscle.xyz_mm[:, 0] - 86) > 16
    assert (muscle.side[far] == np.where(muscle.xyz_mm[far, 0] > 86, 1, -1)).all()


def test_a_station_without_its_tissues_has_no_places(slab):
    voxels = BodyVoxels(slab, np.random.default_rng(0))
    for name in ("liver", "spine", "axillary", "cervical", "para_aortic", "mesenteric", "beside_brain"):
        assert len(voxels.candidates(name).ijk) == 0, name


def test_skin_is_told_from_the_air_where_no_skin_is_labelled():
    label_map = np.zeros((30, 30, 30), dtype=np.int16)
    label_map[3:27, 3:27] = 1
    anatomy = anatomy_of(label_map, {1: "subcutaneous_fat"})
    places = BodyVoxels(anatomy, np.random.default_rng(0)).candidates("skin")
    depth = np.minimum(places.ijk - 2, 27 - places.ijk)[:, :2].min(axis=1)
    assert set(np.unique(depth)) == {1, 2}  # 4 and 8 mm from the nearest voxel of air


def test_the_second_way_counts_where_the_first_finds_nothing(slab):
    label_map = slab.label_map.copy()
    label_map[20:24, 20:30, 5:9] = 5
    names = {**slab.names, 5: "skin"}
    places = BodyVoxels(anatomy_of(label_map, names), np.random.default_rng(0)).candidates("skin")
    assert (anatomy_of(label_map, names).label_map[tuple(places.ijk.T)] == 5).all()


def test_organs_are_neither_fat_nor_muscle_nor_urine(body, voxels):
    found = hosts(body, voxels.candidates("organ"))
    assert {"liver", "spleen"} <= found
    assert not found & {*FAT, *MUSCLE, "skin", "urinary_bladder", "trachea"}


def test_nodal_stations_follow_each_other_down_the_body(voxels):
    order = ["cervical", "supraclavicular", "mediastinal", "para_aortic", "iliac", "inguinal"]
    heights = [middle(voxels, name, 2) for name in order]
    assert heights == sorted(heights, reverse=True)
    assert middle(voxels, "mediastinal", 2) > middle(voxels, "liver", 2)


def test_axillae_lie_outside_the_lungs_and_groins_before_the_hips(voxels):
    lungs, axillae = voxels.candidates("lung"), voxels.candidates("axillary")
    midline = float(np.median(voxels.candidates("spine").xyz_mm[:, 0]))
    assert np.median(np.abs(axillae.xyz_mm[:, 0] - midline)) > np.median(np.abs(lungs.xyz_mm[:, 0] - midline))
    assert middle(voxels, "inguinal", 1) > middle(voxels, "pelvis", 1)


@pytest.mark.parametrize(
    "name", ["cervical", "axillary", "hilar", "iliac", "inguinal", "lung", "pelvis", "ribs"]
)
def test_paired_stations_have_places_on_both_sides(voxels, name):
    sides = voxels.candidates(name).side
    assert 0.1 < (sides == 1).mean() < 0.9


def test_every_station_but_those_of_one_sex_exists_in_a_whole_body(voxels):
    empty = {name for name in STATIONS if len(voxels.candidates(name).ijk) == 0}
    assert empty <= {"prostate", "nasal_mucosa", "tonsil"}


def test_same_seed_finds_the_same_places(body):
    one, other = (BodyVoxels(body, np.random.default_rng(3)).candidates("mediastinal") for _ in range(2))
    assert np.array_equal(one.ijk, other.ijk)


def test_patterns_take_tissues_in_and_out(slab):
    voxels = BodyVoxels(slab, np.random.default_rng(0))
    assert voxels.matching(("lung_*", "!*_right")) == ("lung_upper_lobe_left",)
    assert voxels.matching(("liver",)) == ()


def test_refuses_an_empty_body():
    with pytest.raises(UsageError, match="holds no tissue"):
        BodyVoxels(anatomy_of(np.zeros((4, 4, 4)), {}), np.random.default_rng(0))
