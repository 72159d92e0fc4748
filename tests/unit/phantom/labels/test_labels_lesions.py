from __future__ import annotations

import numpy as np
import pytest

from seganypet.phantom.labels import NoiseConfig
from seganypet.phantom.labels.lesions import LesionNoise, hardness
from seganypet.phantom.labels.merging import bridge, neighbouring_pairs
from seganypet.phantom.labels.units import boxes_of

SPACING = (2.0, 2.0, 2.0)


def lesions() -> np.ndarray:
    """Boxes of 64 voxels: 1 and 3 two voxels apart along k (centres 6 mm), 2 far away."""
    instances = np.zeros((40, 20, 30), dtype=np.int16)
    instances[8:12, 8:12, 8:12] = 1
    instances[8:12, 8:12, 14:18] = 3
    instances[30:34, 8:12, 8:12] = 2
    return instances


def drawn(config: NoiseConfig, suv: np.ndarray | None = None, seed: int = 0):
    instances = lesions()
    noise = LesionNoise(
        lesions=instances,
        body=np.ones(instances.shape, dtype=bool),
        suv=np.where(instances > 0, 8.0, 1.0).astype(np.float32) if suv is None else suv,
        spacing_mm=SPACING,
        config=config,
    )
    return noise.drawn(np.random.default_rng(seed))


def test_hardness_is_the_greater_of_smallness_and_faintness():
    assert hardness(1.0, 3.0) == pytest.approx(np.exp(-1))
    assert hardness(100.0, 2.0) == pytest.approx(0.5)
    assert hardness(100.0, 0.5) == 1.0
    assert hardness(100.0, 9.0) == pytest.approx(0.0)


def test_large_bright_lesions_are_missed_at_the_lower_rate_and_faint_ones_at_the_higher():
    # 64 voxels of 8 mm³ are 0.512 ml: hardness exp(-0.512) = 0.60, so 0.1 + 0.6 * 0.8 = 0.58.
    config = NoiseConfig(lesion_missed=(0.1, 0.9))
    faint = np.where(lesions() == 2, 1.0, np.where(lesions() > 0, 8.0, 1.0)).astype(np.float32)
    missed = [[drawn(config, faint, seed)[1][one] == ("missed",) for one in (1, 2)] for seed in range(300)]
    rates = np.mean(missed, axis=0)
    assert rates[0] == pytest.approx(0.1 + 0.8 * np.exp(-0.512), abs=0.09)
    assert rates[1] == pytest.approx(0.9, abs=0.06)


def test_a_missed_lesion_leaves_nothing():
    label_map, kinds = drawn(NoiseConfig(lesion_missed=(1.0, 1.0)))
    assert not label_map.any()
    assert set(kinds.values()) == {("missed",)}


def test_pairs_are_found_up_to_the_gap_between_voxel_centres():
    instances = lesions()
    boxes = {one: boxes_of([one], [None] * (one - 1) + [box_of(instances, one)])[0] for one in (1, 2, 3)}
    assert neighbouring_pairs(instances, boxes, SPACING, 5.9) == []
    assert neighbouring_pairs(instances, boxes, SPACING, 6.0) == [(1, 3)]
    assert neighbouring_pairs(instances, boxes, SPACING, 200.0) == [(1, 2), (1, 3), (2, 3)]


def box_of(instances: np.ndarray, one: int) -> tuple[slice, slice, slice]:
    i, j, k = (slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(instances == one))
    return i, j, k


def test_a_bridge_fills_the_gap_but_its_corners():
    # Diagonally beside a gap voxel at a corner, 3.46 mm from either box, nothing has grown: corners stay open.
    both = np.isin(lesions(), [1, 3])
    filled = bridge(both, 6.0, SPACING) & ~both
    assert np.count_nonzero(filled) == 2 * (16 - 4)
    assert not bridge(both, 3.0, SPACING)[..., 12:14].any()


def test_merged_lesions_keep_the_smallest_id():
    label_map, kinds = drawn(NoiseConfig(lesion_merged=1.0, merge_gap_mm=6.0))
    assert np.count_nonzero(label_map == 1) == 128 + 24
    assert not (label_map == 3).any()
    assert kinds == {1: ("merged",), 2: (), 3: ("merged",)}


def test_chains_of_neighbours_become_one():
    label_map, _ = drawn(NoiseConfig(lesion_merged=1.0, merge_gap_mm=60.0))
    assert set(np.unique(label_map)) == {0, 1}


def test_a_lesion_that_was_missed_is_not_merged():
    for seed in range(30):
        label_map, kinds = drawn(
            NoiseConfig(lesion_missed=(0.5, 0.5), lesion_merged=1.0, merge_gap_mm=6.0), seed=seed
        )
        assert not any({"missed", "merged"} <= set(of) for of in kinds.values())
        assert all((label_map == one).any() for one in (1, 2, 3) if kinds[one] == ())


def test_threshold_leaks_end_where_they_would_double_the_radius():
    # Hot everywhere: the contour runs to its end, 64 voxels -> radius 5 mm, so less than (3 * 5 mm)³ in volume.
    suv = np.full(lesions().shape, 8.0, dtype=np.float32)
    config = NoiseConfig(lesion_threshold=1.0, reach_mm=(3.0, 3.0))
    label_map, kinds = drawn(config, suv)
    assert kinds[2] == ("threshold",)
    # Growth by 3 mm from a face: one voxel at 1 mm; at 3 mm not (below, not at, the reach). Edges at 1.83 and
    # corners at 2.46 mm too: all of a box of 6.
    assert np.count_nonzero(label_map == 2) == 6**3


def test_lesions_do_not_take_voxels_of_others():
    suv = np.full(lesions().shape, 8.0, dtype=np.float32)
    label_map, _ = drawn(NoiseConfig(lesion_threshold=1.0, reach_mm=(5.0, 5.0)), suv)
    for one in (1, 2, 3):
        assert np.all(label_map[lesions() == one] == one)
