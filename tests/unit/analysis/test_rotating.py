"""The rotating projection: from where it looks, that it passes no voxel over, and which voxel a pixel shows."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seganypet.analysis import maximum_intensity_projection, rotating
from seganypet.analysis.rotating import RotatingProjection
from seganypet.errors import UsageError
from seganypet.volume import Volume

# Right, anterior, superior; an odd number of voxels across, so that the middle one is in the middle column.
SHAPE = (11, 9, 6)
ORIENTATIONS = list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)))


def body(shape=SHAPE) -> np.ndarray:
    """Air around a body of 1, one voxel thick on every side."""
    suv = np.zeros(shape, np.float32)
    suv[1:-1, 1:-1, 1:-1] = 1
    return suv


def noise(shape=SHAPE, seed=0) -> np.ndarray:
    """Values that differ from voxel to voxel."""
    return np.random.default_rng(seed).permutation(
        np.arange(1, np.prod(shape) + 1, dtype=np.float32)
    ).reshape(shape) / np.float32(100)


def stored(array_ras, axes=(0, 1, 2), signs=(1, 1, 1), spacing_mm=(4.0, 4.0, 3.0)) -> Volume:
    """Return an array given in RAS order, stored along other axes."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for native, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, native] = sign * spacing_mm[world]
    array = array_ras.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    return Volume(np.ascontiguousarray(array), affine)


def where(frame, value) -> tuple[int, int]:
    """Return the row, and the column from the middle, where a frame shows a value."""
    ((row, column),) = np.argwhere(frame == np.float32(value)).tolist()
    return row, column - frame.shape[1] // 2


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_the_viewer_walks_from_the_front_to_the_patients_left(axes, signs):
    suv = body()
    suv[2, 7, 4] = 7  # 3 voxels to the left of the middle, 3 to the front, below the topmost
    projection = RotatingProjection(stored(suv, axes, signs))
    # From the front the patient's left is on the right; from the left the front is on the left.
    for degrees, column in ((0, 3), (90, -3), (180, -3), (270, 3)):
        assert where(projection.frame(degrees), 7) == (1, column)
    # On the way, at 45°, the front and the left lie in one line of sight.
    assert where(projection.frame(45), 7) == (1, 0)
    assert where(projection.frame(135), 7) == (1, -4)  # 3 √2 = 4.24


def test_from_the_front_it_is_the_coronal_projection():
    volume = stored(noise())
    projection = RotatingProjection(volume)
    coronal = maximum_intensity_projection(volume, "coronal")
    frame = projection.frame(0)
    assert frame.dtype == np.float32
    assert frame.shape == projection.shape
    margin = (frame.shape[1] - SHAPE[0]) // 2
    np.testing.assert_array_equal(frame[:, margin : margin + SHAPE[0]], coronal)
    assert not frame[:, :margin].any()
    assert not frame[:, margin + SHAPE[0] :].any()


def test_pixels_have_the_size_of_the_voxels_but_none_finer_than_a_screen_shows():
    assert RotatingProjection(stored(body())).pixel_mm == (4, 3)
    fine = RotatingProjection(stored(body(), spacing_mm=(1.0, 1.0, 1.0)))
    assert fine.pixel_mm == (1.5, 1)


def test_a_frame_reaches_around_the_body_and_not_across_all_the_air():
    suv = np.zeros((101, 101, 4), np.float32)
    suv[45:56, 45:56] = 1  # 5 voxels of 4 mm from the middle: 28.3 mm at the corners, and 20 mm around
    rows, columns = RotatingProjection(stored(suv)).shape
    assert rows == 4
    assert columns == 2 * np.ceil(48.3 / 4) + 1


@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 3.0), (1.0, 1.0, 2.0), (4.0, 2.0, 3.0), (1.2, 3.0, 3.0)])
@pytest.mark.parametrize("degrees", [0, 5, 30, 45, 77.5, 90, 130, 200])
def test_no_column_within_the_body_is_empty(spacing_mm, degrees):
    """Between two voxels lies no gap, also where they are longer than wide."""
    frame = RotatingProjection(stored(body((21, 19, 6)), spacing_mm=spacing_mm)).frame(degrees)
    seen = np.flatnonzero(frame[2] > 0)
    np.testing.assert_array_equal(frame[2, seen[0] : seen[-1] + 1], 1)
    # 19 and 17 voxels: their shadow is as wide as its extent along the line, to a voxel on either side.
    angle = np.deg2rad(degrees)
    wide_mm = 18 * spacing_mm[0] * abs(np.cos(angle)) + 16 * spacing_mm[1] * abs(np.sin(angle))
    pixel_mm = RotatingProjection(stored(body(), spacing_mm=spacing_mm)).pixel_mm[0]
    assert (len(seen) - 1) * pixel_mm == pytest.approx(wide_mm, abs=1.01 * pixel_mm)


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-720, 720),
    st.sampled_from([(4.0, 4.0, 3.0), (1.0, 1.0, 2.0), (4.0, 2.5, 3.0)]),
    st.integers(0, 9),
)
def test_every_voxel_is_seen_and_every_pixel_names_the_voxel_that_it_shows(degrees, spacing_mm, seed):
    volume = stored(noise(seed=seed), (1, 2, 0), (-1, 1, -1), spacing_mm)
    projection = RotatingProjection(volume)
    frame = projection.frame(degrees)
    # Rows run downwards: the hottest of each slice is in its row.
    np.testing.assert_array_equal(frame.max(axis=1), noise(seed=seed).max(axis=(0, 1))[::-1])
    for row, column in np.argwhere(frame > 0):
        voxel = projection.voxel_at(degrees, int(row), int(column))
        assert volume.array[voxel] == frame[row, column]
        # Along each line of sight only the hottest is shown: no other voxel of the pixel is hotter.
        assert projection.shadow(degrees, np.array([voxel]))[row, column]


@pytest.mark.parametrize("degrees", [10, 33, 77.7, 121])
def test_from_behind_it_is_the_mirror_image(degrees):
    projection = RotatingProjection(stored(noise()))
    np.testing.assert_array_equal(projection.frame(degrees + 180), projection.frame(degrees)[:, ::-1])


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS[::7])
def test_frames_do_not_depend_on_how_the_volume_is_stored(axes, signs):
    expected = RotatingProjection(stored(noise()))
    projection = RotatingProjection(stored(noise(), axes, signs))
    for degrees in (0, 40, 250):
        np.testing.assert_array_equal(projection.frame(degrees), expected.frame(degrees))


def test_a_full_turn_is_where_it_began():
    projection = RotatingProjection(stored(noise()))
    assert projection.frame(400) is projection.frame(40)
    assert projection.frame(-90) is projection.frame(270)


def test_no_more_frames_are_kept_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(rotating, "_KEPT", 3)
    projection = RotatingProjection(stored(noise()))
    empty = projection.bytes
    assert empty == noise().nbytes
    for degrees in range(5):
        projection.frame(degrees)
    assert projection.bytes == empty + 3 * projection.frame(4).nbytes


def test_values_below_zero_are_shown_as_they_are_and_what_is_no_voxel_as_zero():
    suv = body() - np.float32(0.5)
    with pytest.warns(UserWarning, match="negative SUV"):
        volume = stored(suv)
    frame = RotatingProjection(volume).frame(0)
    assert frame.max() == 0.5
    assert frame.min() == -0.5  # of the voxels above the body
    assert not frame[:, 0].any()  # where there is no voxel


@pytest.mark.parametrize("spacing_mm", [(4.0, 4.0, 3.0), (1.0, 1.0, 2.0), (0.5, 0.5, 0.5), (4.0, 1.2, 3.0)])
@settings(deadline=None, max_examples=30)
@given(degrees=st.floats(0, 360), data=st.data())
def test_the_shadow_of_a_voxel_is_at_the_pixel_that_shows_it(spacing_mm, degrees, data):
    suv = body()
    voxel = tuple(data.draw(st.integers(1, n - 2)) for n in SHAPE)
    suv[voxel] = 7
    projection = RotatingProjection(stored(suv, spacing_mm=spacing_mm))
    shadow = projection.shadow(degrees, np.array([voxel]))
    row, column = np.argwhere(projection.frame(degrees) == 7)[0]
    assert shadow[row, column]
    assert set(np.argwhere(shadow)[:, 0]) == {row}
    assert shadow.sum() <= 3
    assert np.ptp(np.flatnonzero(shadow[row])) == shadow.sum() - 1  # in one piece


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 250])
def test_the_shadow_of_a_body_has_no_holes_and_is_as_wide_as_the_body(degrees):
    volume = stored(body())
    projection = RotatingProjection(volume)
    shadow = projection.shadow(degrees, np.argwhere(volume.array > 0))
    frame = projection.frame(degrees)
    assert shadow[frame > 0].all()
    for row in shadow[1:-1]:
        seen = np.flatnonzero(row)
        assert len(seen) == seen[-1] - seen[0] + 1
        assert len(seen) <= np.count_nonzero(frame[1]) + 2
    assert not shadow[[0, -1]].any()


def test_no_voxels_have_no_shadow():
    projection = RotatingProjection(stored(body()))
    shadow = projection.shadow(30, np.zeros((0, 3), np.intp))
    assert shadow.shape == projection.shape
    assert not shadow.any()


def test_what_lies_beyond_the_frame_has_no_shadow():
    suv = np.zeros((101, 101, 4), np.float32)
    suv[45:56, 45:56] = 1
    projection = RotatingProjection(stored(suv))
    assert not projection.shadow(0, np.array([[0, 50, 1], [100, 50, 1]])).any()


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS[::5])
def test_the_body_is_told_in_the_volumes_own_order(axes, signs):
    suv = np.zeros(SHAPE, np.float32)
    suv[2:8, 1:5, 3:6] = 1
    volume = stored(suv, axes, signs)
    found = np.argwhere(volume.array > 0)
    expected = list(zip(found.min(axis=0).tolist(), found.max(axis=0).tolist(), strict=True))
    assert RotatingProjection(volume).body == expected


@pytest.mark.parametrize("degrees", [float("nan"), float("inf")])
def test_an_angle_that_is_none_is_refused(degrees):
    with pytest.raises(UsageError, match="expected a finite number of degrees"):
        RotatingProjection(stored(body())).frame(degrees)


@pytest.mark.parametrize(("row", "column"), [(-1, 0), (0, -1), (6, 0), (0, 10_000)])
def test_a_pixel_outside_the_frame_is_refused(row, column):
    with pytest.raises(UsageError, match=rf"row {row}, column {column} of a frame of 6 ×"):
        RotatingProjection(stored(body())).voxel_at(0, row, column)


def test_a_pixel_that_shows_nothing_is_refused():
    projection = RotatingProjection(stored(body()))
    assert projection.shape[1] > SHAPE[0]
    with pytest.raises(UsageError, match="shows nothing of the scan; click on the body"):
        projection.voxel_at(0, 0, 0)
