"""The working grid and the way back: positions, values and shapes."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError
from seganypet.preprocessing import ModelGrid, crop_or_pad, paste

SIGNED_PERMUTATIONS = list(
    itertools.product(itertools.permutations(range(3)), itertools.product((1.0, -1.0), repeat=3))
)
CODES = [
    "".join(ends) for axes in itertools.permutations(("RL", "AP", "SI")) for ends in itertools.product(*axes)
]
SHAPE = (20, 17, 23)
SPACING_MM = 4.0


def make_affine(permutation, signs, spacing_mm, degrees, origin_mm=(12.0, -34.0, 56.0)) -> np.ndarray:
    """Axes permuted and flipped, then tilted about x, y, z."""
    directions = np.zeros((3, 3))
    directions[permutation, range(3)] = signs
    for axis, angle in enumerate(np.radians(degrees)):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        directions = turn @ directions
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing_mm
    affine[:3, 3] = origin_mm
    return affine


@st.composite
def affines(draw: st.DrawFn) -> np.ndarray:
    """Any of the 48 orientations, oblique, with voxels of 2 to 6 mm."""
    permutation, signs = draw(st.sampled_from(SIGNED_PERMUTATIONS))
    spacing_mm = draw(st.tuples(*[st.floats(2, 6)] * 3))
    return make_affine(permutation, signs, spacing_mm, draw(st.tuples(*[st.floats(-15, 15)] * 3)))


def world(affine: np.ndarray, ijk) -> np.ndarray:
    return affine[:3, :3] @ np.asarray(ijk, dtype=float) + affine[:3, 3]


def centre_of_mass(array: np.ndarray) -> np.ndarray:
    return np.array([np.average(np.indices(array.shape)[axis], weights=array) for axis in range(3)])


def ball(affine: np.ndarray, shape, centre_ijk, radius_mm: float) -> np.ndarray:
    """Distance to a sphere's surface in mm, positive inside."""
    points = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return radius_mm - np.linalg.norm(points - world(affine, centre_ijk), axis=-1)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


class TestGrid:
    def test_grid_by_hand(self):
        # i runs left: 10 voxels of 2 mm = 20 mm -> 5; 9 of 3 mm = 27 mm -> 7 (28 mm); 4 of 4 mm -> 4
        affine = np.array([[-2.0, 0, 0, 100], [0, 3, 0, 200], [0, 0, 4, 300], [0, 0, 0, 1]])
        grid = ModelGrid.of(affine, (10, 9, 4), 4.0)
        assert grid.shape == (5, 7, 4)
        # first corner: 100 - 18 - 1 = 81, 200 - 1.5, 300 - 2; half a working voxel further in
        np.testing.assert_allclose(
            grid.affine, [[4, 0, 0, 83], [0, 4, 0, 200.5], [0, 0, 4, 300], [0, 0, 0, 1]]
        )

    @pytest.mark.parametrize("header_mm", [3.9999998, 4.0, 4.0000002])
    def test_rounding_in_a_header_adds_no_voxel(self, header_mm):
        grid = ModelGrid.of(np.diag([header_mm] * 3 + [1]), (50, 50, 300), 4.0)
        assert grid.shape == (50, 50, 300)
        array = np.random.default_rng(0).random((50, 50, 300), dtype=np.float32)
        np.testing.assert_array_equal(grid.resample(array), array)

    def test_grid_in_another_order_by_hand(self):
        # the body of `test_grid_by_hand` seen from the back to the front: S down to I, R to L, A to P
        affine = np.array([[-2.0, 0, 0, 100], [0, 3, 0, 200], [0, 0, 4, 300], [0, 0, 0, 1]])
        grid = ModelGrid.of(affine, (10, 9, 4), 4.0, "ILP")
        assert grid.shape == (4, 5, 7)
        # from the corners at z = 312 + 2, x = 100 + 1, y = 224 + 1.5
        np.testing.assert_allclose(
            grid.affine, [[0, -4, 0, 99], [0, 0, -4, 223.5], [-4, 0, 0, 312], [0, 0, 0, 1]]
        )

    def test_a_volume_smaller_than_a_voxel_gets_one(self):
        assert ModelGrid.of(np.eye(4), (1, 2, 3), 4.0).shape == (1, 1, 1)

    @settings(deadline=None)
    @given(affine=affines(), code=st.sampled_from(CODES))
    def test_field_of_view_is_covered_and_no_voxel_lies_outside(self, affine, code):
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM, code)
        centres = grid.to_native_ijk(np.array([(0, 0, 0), np.subtract(grid.shape, 1)]))
        edges = grid.to_native_ijk(np.array([(-0.5, -0.5, -0.5), np.subtract(grid.shape, 0.5)]))
        native_edges = np.array([(-0.5,) * 3, np.subtract(SHAPE, 0.5)])
        assert (edges.min(axis=0) <= native_edges[0] + 0.01).all()
        assert (edges.max(axis=0) >= native_edges[1] - 0.01).all()
        half_voxel = 0.5 * SPACING_MM / np.linalg.norm(affine[:3, :3], axis=0)
        assert (centres.min(axis=0) >= native_edges[0] - half_voxel).all()
        assert (centres.max(axis=0) <= native_edges[1] + half_voxel).all()


class TestPositions:
    @settings(deadline=None)
    @given(affine=affines(), code=st.sampled_from(CODES), ijk=st.tuples(*[st.floats(-5, 25)] * 3))
    def test_a_point_keeps_its_world_position(self, affine, code, ijk):
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM, code)
        model_ijk = grid.to_model_ijk(ijk)
        np.testing.assert_allclose(world(grid.affine, model_ijk), world(affine, ijk), atol=1e-6)
        np.testing.assert_allclose(grid.to_native_ijk(model_ijk), ijk, atol=1e-9)

    def test_many_points_at_once(self):
        grid = ModelGrid.of(np.diag([-2.0, 2, 2, 1]), SHAPE, SPACING_MM)
        points = np.random.default_rng(0).random((6, 5, 3))
        assert grid.to_model_ijk(points).shape == (6, 5, 3)
        np.testing.assert_allclose(grid.to_model_ijk(points)[2, 3], grid.to_model_ijk(points[2, 3]))

    @pytest.mark.parametrize(("permutation", "signs"), SIGNED_PERMUTATIONS)
    def test_planted_marker_in_all_orientations(self, permutation, signs):
        self.follow_marker(make_affine(permutation, signs, (2.7, 4.1, 5.5), (7, -5, 11)), (6, 11, 9))

    @pytest.mark.parametrize("code", CODES)
    def test_planted_marker_in_all_orders_of_the_working_grid(self, code):
        affine = make_affine((1, 2, 0), (1, -1, -1), (2.7, 4.1, 5.5), (7, -5, 11))
        self.follow_marker(affine, (6, 11, 9), code)

    @settings(deadline=None, max_examples=50)
    @given(affine=affines(), marker=st.tuples(*[st.integers(2, 14)] * 3), code=st.sampled_from(CODES))
    def test_planted_marker_anywhere(self, affine, marker, code):
        self.follow_marker(affine, marker, code)

    def follow_marker(self, affine, marker, code="RAS"):
        """Resample, crop, restore one hot voxel; it is where it was after each."""
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM, code)
        array = np.zeros(SHAPE, dtype=np.float32)
        array[marker] = 1
        spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
        tolerance_mm = 0.5 * max(SPACING_MM, *spacing_mm)
        resampled = grid.resample(array)
        found_mm = world(grid.affine, centre_of_mass(resampled))
        offset = np.linalg.inv(grid.affine[:3, :3]) @ (found_mm - world(affine, marker)) * SPACING_MM
        assert np.abs(offset).max() <= tolerance_mm

        start = np.array(np.unravel_index(resampled.argmax(), grid.shape)) - 4
        box = grid.crop(array, start, (9, 9, 9))
        np.testing.assert_allclose(start + centre_of_mass(box), centre_of_mass(resampled), atol=1e-5)

        slices, values = grid.restore_values(box, start)
        restored = np.zeros(SHAPE, dtype=np.float32)
        restored[slices] = values
        back = (centre_of_mass(restored) - marker) * spacing_mm
        assert np.abs(back).max() <= tolerance_mm


class TestValues:
    @settings(deadline=None, max_examples=30)
    @given(affine=affines())
    def test_ramp_is_preserved_in_the_interior(self, affine):
        """A linear function of the world position has its value at every interior working voxel."""
        slope = np.array([0.3, -0.2, 0.1])
        native = np.moveaxis(np.indices(SHAPE), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM)
        working = np.moveaxis(np.indices(grid.shape), 0, -1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
        inner = (slice(2, -2),) * 3
        # the triangle's samples are uneven around a position between two voxels: up to 1/8 voxel per axis
        tolerance = np.abs(slope @ affine[:3, :3]).sum() / 8
        np.testing.assert_allclose(
            grid.resample(native @ slope)[inner], (working @ slope)[inner], atol=tolerance
        )
        slices, values = grid.restore_values((working @ slope).astype(np.float32), (0, 0, 0))
        assert slices == tuple(slice(0, n) for n in SHAPE)
        np.testing.assert_allclose(values[inner], (native @ slope)[inner], atol=1e-3)

    @settings(deadline=None, max_examples=30)
    @given(affine=affines())
    def test_large_smooth_mask_survives_there_and_back(self, affine):
        shape, centre = (40, 37, 43), (20, 18.3, 21.6)
        radius_mm = 15 * np.linalg.norm(affine[:3, :3], axis=0).min()  # 30 mm or more
        mask = ball(affine, shape, centre, radius_mm) > 0
        grid = ModelGrid.of(affine, shape, SPACING_MM)
        distance_mm = ball(grid.affine, grid.shape, grid.to_model_ijk(centre), radius_mm)
        restored = grid.restore(distance_mm.astype(np.float32), (0, 0, 0))
        assert restored.shape == shape
        assert restored.dtype == np.bool_
        assert dice(restored, mask) > 0.98

    @settings(deadline=None, max_examples=20)
    @given(affine=affines())
    def test_resampled_mask_comes_back(self, affine):
        shape, centre = (40, 37, 43), (20, 18.3, 21.6)
        radius_mm = 15 * np.linalg.norm(affine[:3, :3], axis=0).min()
        mask = ball(affine, shape, centre, radius_mm) > 0
        grid = ModelGrid.of(affine, shape, SPACING_MM)
        restored = grid.restore(grid.resample(mask) - np.float32(0.5), (0, 0, 0))
        assert dice(restored, mask) > 0.98

    @settings(deadline=None, max_examples=30)
    @given(affine=affines(), start=st.tuples(*[st.integers(-6, 12)] * 3), size=st.integers(1, 14))
    def test_a_box_restores_what_the_whole_grid_does_inside_it(self, affine, start, size):
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM)
        logits = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
        _, whole = grid.restore_values(logits, (0, 0, 0))
        box = crop_or_pad(logits, start, (size, size, size), pad_value=np.nan)
        slices, values = grid.restore_values(box, start)
        # away from the box's faces and its padding; half a working voxel in from the faces is clamped
        model_ijk = grid.to_model_ijk(np.moveaxis(np.indices(SHAPE), 0, -1)[slices])
        low, high = np.maximum(start, 0), np.minimum(np.add(start, size), grid.shape) - 1
        inner = ((model_ijk >= low) & (model_ijk <= high)).all(axis=-1) & ~np.isnan(values)
        np.testing.assert_allclose(values[inner], whole[slices][inner], atol=1e-5)
        everywhere = grid.to_model_ijk(np.moveaxis(np.indices(SHAPE), 0, -1))
        covered = ((everywhere >= np.array(start) - 0.5) & (everywhere < np.add(start, size) - 0.5)).all(-1)
        assert np.count_nonzero(covered) == values.size
        assert covered[slices].all()

    def test_edge_value_holds_for_half_a_voxel_by_hand(self):
        # one axis, native 1 mm, working 4 mm: box of voxels 1 and 2 covers 4 to 12 mm; centres at 6 and 10 mm
        grid = ModelGrid.of(np.eye(4), (16, 1, 1), 4.0)
        slices, values = grid.restore_values(np.array([[[0.0]], [[8.0]]], dtype=np.float32), (1, 0, 0))
        assert slices == (slice(4, 12), slice(0, 1), slice(0, 1))
        np.testing.assert_allclose(values[:, 0, 0], [0, 0, 1, 3, 5, 7, 8, 8], atol=1e-6)
        mask = grid.restore(np.array([[[0.0]], [[8.0]]], dtype=np.float32), (1, 0, 0), level=3.0)
        assert np.flatnonzero(mask).tolist() == [8, 9, 10, 11]  # above the level, not at it

    def test_flipped_axis_by_hand(self):
        grid = ModelGrid.of(np.diag([-1.0, 1, 1, 1]), (16, 1, 1), 4.0)
        slices, values = grid.restore_values(np.array([[[0.0]], [[8.0]]], dtype=np.float32), (1, 0, 0))
        assert slices[0] == slice(4, 12)
        np.testing.assert_allclose(values[:, 0, 0], [8, 8, 7, 5, 3, 1, 0, 0], atol=1e-6)


class TestRestore:
    AFFINE = make_affine((2, 0, 1), (-1, 1, -1), (2.0, 3.0, 5.0), (4, 5, 6))

    def test_only_the_box_is_written(self):
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        out = np.ones(SHAPE, dtype=bool)
        logits = np.full((5, 4, 3), -1, dtype=np.float32)
        slices, _ = grid.restore_values(logits, (2, 1, 3))
        assert grid.restore(logits, (2, 1, 3), out=out) is out
        expected = np.ones(SHAPE, dtype=bool)
        expected[slices] = False
        assert not expected.all()
        np.testing.assert_array_equal(out, expected)

    @pytest.mark.parametrize(("logit", "expected"), [(8.0, [4, 5, 6, 7, 9]), (-1.0, [9])])
    def test_what_is_less_than_half_known_stays_by_hand(self, logit, expected):
        # native 1 mm, working 4 mm: the known voxel has its centre at 6 mm, the unknown one at 10 mm
        grid = ModelGrid.of(np.eye(4), (16, 1, 1), 4.0)
        out = np.zeros((16, 1, 1), dtype=bool)
        out[[5, 9]] = True
        logits, known = np.array([[[logit]], [[8.0]]], dtype=np.float32), np.array([[[True]], [[False]]])
        grid.restore(logits, (1, 0, 0), known=known, out=out)
        assert np.flatnonzero(out).tolist() == expected

    def test_all_known_is_as_if_nothing_were_said(self):
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        logits = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
        known = np.ones(grid.shape, dtype=bool)
        expected = grid.restore(logits, (0, 0, 0))
        np.testing.assert_array_equal(grid.restore(logits, (0, 0, 0), known=known), expected)
        grid._restore_known(logits, known, (0, 0, 0), 0.0, other := np.zeros(SHAPE, dtype=bool))
        np.testing.assert_array_equal(other, expected)

    def test_known_of_another_shape_is_refused(self):
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        with pytest.raises(GeometryError, match="known of shape"):
            grid.restore(np.zeros((5, 4, 3), np.float32), (2, 1, 3), known=np.ones((5, 4, 2), bool))

    @pytest.mark.parametrize("voxels", [1, 1000, 100_000])
    def test_pieces_make_no_difference(self, voxels, monkeypatch):
        monkeypatch.setattr("seganypet.preprocessing.model_grid._RESTORED_VOXELS", voxels)
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        logits = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
        slices, values = grid.restore_values(logits, (0, 0, 0))
        expected = np.zeros(SHAPE, dtype=bool)
        expected[slices] = values > 0.2
        np.testing.assert_array_equal(grid.restore(logits, (0, 0, 0), level=0.2), expected)

    @settings(deadline=None, max_examples=30)
    @given(
        affine=affines(), at=st.tuples(*[st.integers(0, 9)] * 3), start=st.tuples(*[st.integers(-4, 6)] * 3)
    )
    def test_a_small_target_in_a_large_box_is_as_if_all_were_looked_at(self, affine, at, start):
        grid = ModelGrid.of(affine, SHAPE, SPACING_MM)
        logits = np.full((12, 12, 12), -2, dtype=np.float32)
        logits[at] = 3
        logits[tuple(np.add(at, 2))] = 1
        slices, values = grid.restore_values(logits, start)
        expected = np.ones(SHAPE, dtype=bool)
        expected[slices] = values > 0
        out = np.ones(SHAPE, dtype=bool)
        np.testing.assert_array_equal(grid.restore(logits, start, out=out), expected)

    def test_a_box_beside_the_volume_restores_nothing(self):
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        logits = np.ones((3, 3, 3), dtype=np.float32)
        slices, values = grid.restore_values(logits, (-9, 0, 0))
        assert values.size == np.zeros(SHAPE)[slices].size == 0
        assert not grid.restore(logits, (0, 999, 0)).any()

    def test_patches_pasted_together_restore_like_one(self):
        grid = ModelGrid.of(self.AFFINE, SHAPE, SPACING_MM)
        logits = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
        merged = np.zeros(grid.shape, dtype=np.float32)
        for start in itertools.product(*(range(0, n, 8) for n in grid.shape)):
            paste(merged, crop_or_pad(logits, start, (8, 8, 8)), start)
        np.testing.assert_array_equal(grid.restore(merged, (0, 0, 0)), grid.restore(logits, (0, 0, 0)))

    def test_memory_stays_near_the_mask(self):
        shape = (120, 120, 300)
        grid = ModelGrid.of(np.diag([1.0, 1, 1, 1]), shape, SPACING_MM)
        logits = np.ones(grid.shape, dtype=np.float32)
        tracemalloc.start()
        mask = grid.restore(logits, (0, 0, 0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert mask.all()
        assert peak < 3.5 * mask.nbytes  # float values of the whole volume alone would be 4


class TestCrop:
    @settings(deadline=None, max_examples=100)
    @given(
        affine=affines(),
        code=st.sampled_from(CODES),
        spacing_mm=st.floats(1, 9),
        start=st.tuples(*[st.integers(-9, 40)] * 3),
        size=st.tuples(*[st.integers(1, 30)] * 3),
    )
    def test_a_box_is_cut_out_of_the_whole(self, affine, code, spacing_mm, start, size):
        grid = ModelGrid.of(affine, SHAPE, spacing_mm, code)
        array = np.random.default_rng(0).random(SHAPE)
        expected = crop_or_pad(grid.resample(array), start, size, pad_value=-3)
        box = grid.crop(array, start, size, pad_value=-3)
        assert box.dtype == np.float32
        np.testing.assert_allclose(box, expected, atol=1e-6)

    @pytest.mark.parametrize("spacing_mm", [1.3, 4.0])
    @pytest.mark.parametrize("dtype", [np.bool_, np.int16, np.uint8, np.float64])
    def test_any_type_gives_float32(self, dtype, spacing_mm):
        grid = ModelGrid.of(np.diag([2.0, 3, 4, 1]), SHAPE, spacing_mm)
        array = np.random.default_rng(0).integers(0, 2, SHAPE).astype(dtype)
        np.testing.assert_allclose(
            grid.crop(array, (-1, 2, 1), (5, 4, 6)),
            crop_or_pad(grid.resample(array.astype(np.float32)), (-1, 2, 1), (5, 4, 6)),
            atol=1e-6,
        )

    def test_a_crop_is_no_view(self):
        grid = ModelGrid.of(np.diag([4.0, 4, 4, 1]), SHAPE, 4.0)
        array = np.zeros(SHAPE, dtype=np.float32)
        grid.crop(array, (0, 0, 0), SHAPE)[:] = 1
        assert not array.any()

    @pytest.mark.parametrize("dtype", [np.int16, np.bool_, np.float64])
    @pytest.mark.parametrize(("native_mm", "spacing_mm"), [(4.0, 1.5), (2.0, 4.0), (4.0, 4.0)])
    def test_memory_is_the_box_and_not_the_volume(self, dtype, native_mm, spacing_mm):
        shape = (160, 150, 170)
        grid = ModelGrid.of(np.diag([-native_mm, native_mm, native_mm, 1]), shape, spacing_mm)
        array = np.zeros(shape, dtype=dtype)
        tracemalloc.start()
        box = grid.crop(array, (20, 20, 20), (32, 32, 32))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        read = box.nbytes * max(1, spacing_mm / native_mm) ** 3
        assert peak < 3 * (box.nbytes + read)  # a float copy of the volume alone would be 125 boxes

    @pytest.mark.parametrize(
        ("size", "start"), [((2, 2), (0, 0, 0)), ((2, 2, 2), (0, 0)), ((2, 0, 2), (0, 0, 0))]
    )
    def test_refuses_a_box_that_is_none(self, size, start):
        with pytest.raises(GeometryError, match="three"):
            ModelGrid.of(np.eye(4), SHAPE, 4.0).crop(np.zeros(SHAPE), start, size)

    def test_refuses_an_array_of_another_shape(self):
        with pytest.raises(GeometryError, match="native shape"):
            ModelGrid.of(np.eye(4), SHAPE, 4.0).crop(np.zeros((3, 4, 5)), (0, 0, 0), (2, 2, 2))


class TestRefusals:
    @pytest.mark.parametrize("spacing_mm", [0.0, -4.0, float("nan"), float("inf")])
    def test_spacing_that_is_not_positive(self, spacing_mm):
        with pytest.raises(GeometryError, match="expected a positive number"):
            ModelGrid.of(np.eye(4), SHAPE, spacing_mm)

    def test_fine_voxels_over_the_longest_scanners_are_no_reason_to_refuse(self):
        grid = ModelGrid.of(np.diag([1.65, 1.65, 2.0, 1]), (440, 440, 1000), 0.5)
        assert grid.shape == (1452, 1452, 4000)

    def test_affine_in_other_units_than_mm(self):
        with pytest.raises(GeometryError, match=r"field of view of .*200000\.0.* is the affine in mm"):
            ModelGrid.of(np.diag([2000.0, 2000, 2000, 1]), (100, 100, 100), SPACING_MM)

    def test_orientation_that_is_none(self):
        with pytest.raises(GeometryError, match="orientation is 'RAT'"):
            ModelGrid.of(np.eye(4), SHAPE, SPACING_MM, "RAT")

    def test_singular_affine(self):
        with pytest.raises(GeometryError, match="singular"):
            ModelGrid.of(np.zeros((4, 4)) + np.diag([1.0, 1, 0, 1]), SHAPE, SPACING_MM)

    def test_array_of_another_shape(self):
        with pytest.raises(GeometryError, match="native shape"):
            ModelGrid.of(np.eye(4), SHAPE, SPACING_MM).resample(np.zeros((3, 4, 5)))

    def test_array_of_another_shape_also_beside_the_grid(self):
        grid = ModelGrid.of(np.eye(4), SHAPE, SPACING_MM)
        with pytest.raises(GeometryError, match="native shape"):
            grid.crop(np.zeros((3, 4, 5)), (999, 0, 0), (2, 2, 2))

    @pytest.mark.parametrize(("start", "size"), [((0.5, 0, 0), (2, 2, 2)), ((0, 0, 0), (2.0, 2, 2))])
    def test_box_between_voxels(self, start, size):
        with pytest.raises(GeometryError, match="voxels"):
            ModelGrid.of(np.eye(4), SHAPE, SPACING_MM).crop(np.zeros(SHAPE), start, size)

    def test_mask_of_another_shape(self):
        grid = ModelGrid.of(np.eye(4), SHAPE, SPACING_MM)
        with pytest.raises(GeometryError, match="in place of the volume's shape"):
            grid.restore(
                np.zeros((2, 2, 2), dtype=np.float32), (0, 0, 0), out=np.zeros((3, 4, 5), dtype=bool)
            )

    @pytest.mark.parametrize(
        ("shape", "start"), [((2, 2), (0, 0, 0)), ((2, 2, 2), (0, 0)), ((2, 0, 2), (0, 0, 0))]
    )
    def test_box_that_is_none(self, shape, start):
        grid = ModelGrid.of(np.eye(4), SHAPE, SPACING_MM)
        with pytest.raises(GeometryError, match="three positive sizes"):
            grid.restore_values(np.zeros(shape, dtype=np.float32), start)
