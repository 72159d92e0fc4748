import functools

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.body_map import Anatomy
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.lesions.groups import LesionGroup, LesionPreset, LogNormal
from seganypet.phantom.lesions.planning import plan_lesions
from seganypet.phantom.lesions.presets import PRESETS
from seganypet.phantom.lesions.solids import draw_blob, draw_conglomerate, radius_mm, reach_mm

SUV = {
    "skeletal_muscle": 0.6,
    "liver": 2.2,
    "lung_upper_lobe_left": 0.5,
    "lung_upper_lobe_right": 0.5,
    "vertebrae_L3": 1.3,
    "torso_fat": 0.4,
}
NAMES = dict(enumerate(SUV, start=1))


@pytest.fixture(scope="module")
def slab():
    label_map = np.zeros((60, 44, 70), dtype=np.int16)
    label_map[4:-4, 4:-4, 4:-4] = 1
    label_map[30:54, 8:34, 30:44] = 2
    label_map[6:24, 8:34, 46:64] = 3
    label_map[34:54, 8:34, 46:64] = 4
    label_map[26:34, 8:18, 6:16] = 5
    label_map[8:26, 10:34, 10:40] = 6
    return Anatomy(label_map, np.diag([4.0, 4.0, 4.0, 1.0]), NAMES)


@functools.cache
def body():
    return procedural_anatomy(np.random.default_rng(1), spacing_mm=(6.0, 6.0, 6.0))


def plans_of(anatomy, seed=0, suv=None, **options):
    suv = suv or dict.fromkeys(anatomy.names.values(), 1.0)
    return plan_lesions(anatomy, suv, np.random.default_rng(seed), **options)


def preset_of(**changes):
    volume = LogNormal(median=3.0, spread=0.6, low=0.5, high=30.0)
    group = LesionGroup(**{"kind": "any", "stations": {"liver": 1.0}, "volume_ml": volume, **changes})
    return LesionPreset(groups=(group,))


def test_same_seed_gives_the_same_plans(slab):
    assert plans_of(slab, 3, SUV) == plans_of(slab, 3, SUV)
    assert plans_of(slab, 3, SUV) != plans_of(slab, 4, SUV)


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"none"}))
def test_as_many_lesions_as_asked_for(preset):
    for seed in range(5):
        assert 4 <= len(plans_of(body(), seed, preset=preset, count=(4, 9))) <= 9


def test_no_lesions_where_none_are_asked_for(slab):
    assert plans_of(slab, suv=SUV, count=(0, 0)) == []
    assert plans_of(slab, suv=SUV, preset="none", count=(3, 5)) == []


def test_centres_lie_in_their_hosts_and_hosts_among_what_they_are_confined_to():
    anatomy = body()
    for preset in PRESETS:
        for plan in plans_of(anatomy, preset=preset):
            voxel = tuple(np.rint(plan.center_ijk).astype(int))
            assert anatomy.names[int(anatomy.label_map[voxel])] == plan.host
            assert not plan.confined_to or plan.host in plan.confined_to
            assert set(plan.confined_to) <= set(anatomy.names.values())


@pytest.mark.parametrize(
    ("station", "starts"),
    [
        ("liver", ("liver",)),
        ("lung", ("lung_",)),
        ("spine", ("vertebrae_",)),
        ("pelvis", ("hip_", "sacrum")),
        ("ribs", ("rib_", "sternum")),
        ("long_bones", ("femur_", "humerus_", "scapula_", "clavicula_")),
    ],
)
def test_lesions_of_organs_and_bones_are_confined_to_their_kind_and_side(station, starts):
    found = plans_of(body(), preset=preset_of(stations={station: 1.0}, count=(5, 8)))
    assert len(found) >= 3
    for plan in found:
        assert plan.host.startswith(starts)
        own = plan.host.split("_")[0]
        assert all(name.split("_")[0] == own for name in plan.confined_to)
        for side, other in (("_left", "_right"), ("_right", "_left")):
            assert side not in plan.host or not any(other in name for name in plan.confined_to)


def test_nodes_are_confined_to_fat_and_muscle():
    found = plans_of(body(), preset=preset_of(stations={"para_aortic": 0.5, "iliac": 0.5}, count=(6, 9)))
    allowed = ("_fat", "_muscle", "autochthon", "gluteus", "iliopsoas")
    assert all(any(word in name for word in allowed) for plan in found for name in plan.confined_to)


def test_lesions_keep_a_gap_from_each_other():
    spacing = np.array(body().spacing_mm)
    for seed in range(4):
        found = plans_of(body(), seed, preset="lymphoma", count=(14, 14))
        for at, one in enumerate(found):
            for other in found[:at]:
                apart = (np.array(one.center_ijk) - other.center_ijk) * spacing
                for a in one.blobs:
                    for b in other.blobs:
                        distance = np.linalg.norm(apart + np.array(a.offset_mm) - b.offset_mm)
                        assert distance >= reach_mm(a) + reach_mm(b) + 9.0 - 1e-6


def test_most_of_a_lesion_has_room_in_what_it_is_confined_to():
    anatomy = body()
    for plan in plans_of(anatomy, 2, preset="prostate", count=(15, 15)):
        radius = radius_mm(plan.volume_ml) / np.array(anatomy.spacing_mm)
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 9)] * 3, indexing="ij"), -1).reshape(-1, 3)
        ball = np.rint(plan.center_ijk + radius * grid[(grid**2).sum(axis=1) <= 1]).astype(int)
        ball = np.clip(ball, 0, np.array(anatomy.label_map.shape) - 1)
        allowed = anatomy.mask(*plan.confined_to) if plan.confined_to else anatomy.body
        assert allowed[tuple(ball.T)].mean() > 0.25


def test_visible_lesions_rise_by_one_suv_at_least(slab):
    found = plans_of(slab, suv=SUV, preset=preset_of(count=(6, 9)), tracer="anything")
    assert all(plan.suv >= plan.background_suv + 1.0 for plan in found)
    assert all(plan.background_suv == 2.2 for plan in found)


def test_faint_and_cold_lesions_where_the_preset_says_so(slab):
    faint = plans_of(slab, suv=SUV, preset=preset_of(count=(6, 9), faint=1.0))
    assert all(2.2 < plan.suv < 3.2 + 1e-6 for plan in faint)
    cold = plans_of(slab, suv=SUV, preset=preset_of(count=(6, 9), cold=1.0))
    assert all(0.44 - 1e-6 <= plan.suv <= 1.32 + 1e-6 for plan in cold)


def test_the_tracers_suv_counts_and_the_contrast_for_other_tracers(slab):
    hot = LogNormal(median=10.0, spread=0.1, low=9.0, high=11.0)
    double = LogNormal(median=2.0, spread=0.01, low=1.99, high=2.01)
    preset = preset_of(count=(4, 6), suv={"psma": hot}, contrast=double)
    assert all(9 <= plan.suv <= 11 for plan in plans_of(slab, suv=SUV, preset=preset, tracer="psma"))
    others = plans_of(slab, suv=SUV, preset=preset, tracer="fdg")
    assert [plan.suv for plan in others] == pytest.approx([4.4] * len(others), rel=0.01)


def test_cores_only_in_lesions_above_eight_ml(slab):
    volume = LogNormal(median=8.0, spread=0.5, low=2.0, high=30.0)
    found = [
        plan
        for seed in range(6)
        for plan in plans_of(slab, seed, SUV, preset=preset_of(count=(3, 6), core=1.0, volume_ml=volume))
    ]
    assert {plan.core > 0 for plan in found} == {True, False}
    assert all((plan.core > 0) == (plan.volume_ml > 8.0) for plan in found)
    assert all(0.1 * plan.suv <= plan.core_suv <= 0.4 * plan.suv for plan in found if plan.core > 0)


def test_edges_of_infiltrating_lesions_are_three_to_twelve_mm(slab):
    found = plans_of(slab, suv=SUV, preset=preset_of(count=(6, 9), infiltrating=1.0))
    assert all(3.0 <= plan.edge_mm <= 12.0 for plan in found)
    assert all(plan.edge_mm == 0 for plan in plans_of(slab, suv=SUV, preset=preset_of(infiltrating=0.0)))


def test_clusters_lie_closer_together_than_other_lesions(slab):
    volume = LogNormal(median=0.6, spread=0.2, low=0.5, high=1.0)

    def step_mm(cluster):
        preset = preset_of(stations={"muscle": 1.0}, count=(6, 6), cluster=cluster, volume_ml=volume)
        centers = [
            np.array([plan.center_ijk for plan in plans_of(slab, s, SUV, preset=preset)]) for s in range(6)
        ]
        return np.median(np.concatenate([4 * np.linalg.norm(np.diff(c, axis=0), axis=1) for c in centers]))

    assert step_mm(1.0) < 50 < step_mm(0.0)


def test_lesions_without_a_place_go_to_the_presets_other_stations(slab):
    # There is neither prostate nor pelvis here: what is left of the disease is in the spine and beside it.
    found = plans_of(slab, suv=SUV, preset="prostate", count=(3, 3))
    assert found
    assert {plan.host for plan in found} <= set(SUV)
    assert plans_of(slab, suv=SUV, preset=preset_of(stations={"spleen": 1.0})) == []


def test_a_part_of_a_body_is_no_error():
    whole = body()
    for start in range(0, whole.label_map.shape[2] - 40, 45):
        part = whole.label_map[:, :, start : start + 40]
        anatomy = Anatomy(part, whole.affine, whole.names)
        for preset in PRESETS:
            assert isinstance(plans_of(anatomy, preset=preset), list)


def test_conglomerates_have_touching_blobs_inside_what_is_allowed():
    rng = np.random.default_rng(0)
    blobs = draw_conglomerate(rng, 40.0, 5, is_allowed=lambda offsets: offsets[:, 2] > -1.0)
    assert sum(blob.volume_ml for blob in blobs) == pytest.approx(40.0)
    centers = np.array([blob.offset_mm for blob in blobs])
    radii = np.array([radius_mm(blob.volume_ml) for blob in blobs])
    assert (centers[0] == 0).all()
    assert (centers[1:, 2] > -1.0).all()
    for at in range(1, 5):
        gaps = np.linalg.norm(centers[:at] - centers[at], axis=1) - 0.81 * (radii[:at] + radii[at])
        assert gaps.min() < 0


def test_blobs_are_turned_ellipsoids_of_their_volume():
    blob = draw_blob(np.random.default_rng(1), 4.18879, elongation=0.4)
    assert radius_mm(blob.volume_ml) == pytest.approx(10.0, abs=1e-4)
    assert np.prod(blob.stretch) == pytest.approx(1.0)
    turn = np.array(blob.rotation)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(turn) == pytest.approx(1.0)


def test_refuses_an_unknown_preset(slab):
    with pytest.raises(UsageError, match="lesion preset 'measles'; expected one of lymphoma"):
        plans_of(slab, suv=SUV, preset="measles")


@pytest.mark.parametrize("count", [(-1, 3), (4, 3)])
def test_refuses_counts_that_are_reversed_or_negative(slab, count):
    with pytest.raises(UsageError, match="fewest <= most"):
        plans_of(slab, suv=SUV, count=count)


def test_refuses_a_tissue_without_uptake(slab):
    with pytest.raises(UsageError, match="no uptake for liver"):
        plans_of(slab, suv={name: 1.0 for name in SUV if name != "liver"})


def test_refuses_an_empty_body():
    empty = Anatomy(np.zeros((4, 4, 4), dtype=np.int16), np.eye(4), {})
    with pytest.raises(UsageError, match="holds no tissue"):
        plans_of(empty, suv=SUV)
