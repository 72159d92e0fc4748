"""The preview of a labelled scan: what is projected where, in which colour."""

import itertools

import matplotlib
import numpy as np
import pytest

from seganypet.analysis import maximum_intensity_projection, organ_projection, save_preview
from seganypet.analysis import projections as module
from seganypet.analysis.organ_colours import PAINTS, paints_in
from seganypet.errors import GeometryError, OutputError
from seganypet.volume import Volume

SHAPE_RAS, SPACING_MM = (8, 6, 10), (4.0, 5.0, 3.0)
LABELS = {
    "skeletal_muscle": [1],
    "liver": [2],
    "spleen": [3],
    "heart": [2, 3],
    "rib_left_1": [4],
    "brain": [5, 6],
}
WHITE = (1.0, 1.0, 1.0)


def volume_of(array_ras, axes=(0, 1, 2), signs=(1, 1, 1)) -> Volume:
    """Return an array given in RAS order, stored along other axes."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for native, (world, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[world, native] = sign * SPACING_MM[world]
    return Volume(stored(array_ras, axes, signs).astype(np.float32), affine)


def stored(array_ras, axes, signs):
    return array_ras.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]


def body(dtype=np.float32) -> np.ndarray:
    array = np.zeros(SHAPE_RAS, dtype=dtype)
    array[1:7, 1:5, 1:9] = 1
    return array


def colour_of(title) -> np.ndarray:
    (paint,) = (paint for paint in PAINTS if paint.title == title)
    return np.array([int(paint.colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_the_patients_left_is_on_the_right_and_the_head_up_in_every_orientation(axes, signs):
    suv = body()
    suv[1, 4, 8] = 7.0  # on the patient's left (x small), in front, near the head
    volume = volume_of(suv, axes, signs)
    coronal = maximum_intensity_projection(volume, "coronal")
    assert coronal.shape == (10, 8)
    assert np.argwhere(coronal == 7).tolist() == [[1, 6]]  # second row from the top, second last column
    sagittal = maximum_intensity_projection(volume, "sagittal")
    assert sagittal.shape == (10, 6)
    assert np.argwhere(sagittal == 7).tolist() == [[1, 1]]  # the front is on the left


def test_organs_have_their_colours_and_the_body_is_glass():
    label_map = body(np.int16)
    label_map[2, 1:5, 2] = 2
    seen = organ_projection(label_map, LABELS, volume_of(body()), "coronal")
    assert seen.shape == (10, 8, 3)
    assert tuple(seen[0, 0]) == WHITE
    # 20 mm of liver let (1 - 0.7)² = 9 % of the light through.
    np.testing.assert_allclose(seen[7, 5], 0.91 * colour_of("liver") + 0.09, atol=0.01)
    assert 0.95 < seen[4, 4].min() < 1  # 20 mm of muscle hardly show


def test_what_is_nearer_hides_what_lies_behind():
    label_map = body(np.int16)
    label_map[3, 3:5, 5], label_map[3, 1:3, 5] = 2, 3  # liver in front of the spleen
    volume = volume_of(body())
    front = organ_projection(label_map, LABELS, volume, "coronal")[4, 4]
    # 10 mm of liver stop 70 %, the spleen behind it 80 % of what is left.
    np.testing.assert_allclose(front, 0.7 * colour_of("liver") + 0.24 * colour_of("spleen") + 0.06, atol=0.01)
    label_map = body(np.int16)
    label_map[1:3, 3, 5], label_map[3:5, 3, 5] = 2, 3  # liver to the left of the spleen
    side = organ_projection(label_map, LABELS, volume, "sagittal")[4, 2]
    assert np.abs(side - colour_of("liver")).sum() < np.abs(side - colour_of("spleen")).sum()


def test_groups_of_parts_without_names_of_their_own_are_coloured_too():
    label_map = body(np.int16)
    label_map[3, 3, 5], label_map[4, 3, 5] = 5, 6
    assert [paint.title for paint in paints_in(label_map, LABELS)] == ["brain"]


def test_the_preview_shows_true_lengths_and_outlines_lesions(tmp_path, monkeypatch):
    figures = []
    draw = module._draw
    monkeypatch.setattr(module, "_draw", lambda *args: figures.append(draw(*args)) or figures[0])
    label_map, lesions = body(np.int16), np.zeros(SHAPE_RAS, dtype=np.int16)
    lesions[2:4, 2:4, 3:6] = 1
    save_preview(
        volume_of(body() * np.arange(10)), label_map, lesions, LABELS, tmp_path / "p.png", title="one"
    )
    assert matplotlib.image.imread(tmp_path / "p.png").shape[2] == 4
    (figure,) = figures
    views = [axes for axes in figure.axes if axes.images and axes.get_title()]
    assert [axes.get_title() for axes in views] == [
        "Coronal MIP",
        "Sagittal MIP",
        "Coronal organs",
        "Sagittal organs",
    ]
    inches = figure.get_size_inches()
    for axes in views:
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        place = axes.get_position()
        assert (right - left) / (bottom - top) == pytest.approx(
            place.width * inches[0] / (place.height * inches[1]), rel=1e-6
        )
        # Shadow of 2 × 3 voxels: a perimeter of 10 edges.
        assert len(axes.collections[0].get_segments()) == 10
    assert [text.get_text() for text in views[0].texts] == ["R", "L"]
    assert [text.get_text() for text in views[1].texts] == ["A", "P"]
    # All 8 × 4 mm fit, and one scale holds for all: the coronal view's width over the sagittal one's.
    assert views[0].get_position().width / views[1].get_position().width == pytest.approx(32 / 30)


def test_the_same_scan_gives_the_same_bytes(tmp_path):
    label_map, lesions = body(np.int16), np.zeros(SHAPE_RAS, dtype=np.int16)
    for name in ("a.png", "b.png"):
        save_preview(volume_of(body()), label_map, lesions, LABELS, tmp_path / name, title="one")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("at", [0, 1])
def test_refuses_maps_of_another_shape(tmp_path, at):
    maps = [body(np.int16), body(np.int16)]
    maps[at] = maps[at][1:]
    with pytest.raises(GeometryError, match=r"map of shape \(7, 6, 10\) on a volume of shape \(8, 6, 10\)"):
        save_preview(volume_of(body()), *maps, LABELS, tmp_path / "p.png", title="one")
    assert list(tmp_path.iterdir()) == []


def test_an_organ_projection_refuses_a_map_of_another_shape():
    with pytest.raises(GeometryError, match="label map of shape"):
        organ_projection(body(np.int16)[1:], LABELS, volume_of(body()), "coronal")


def test_refuses_another_suffix(tmp_path):
    with pytest.raises(OutputError, match=r"\.jpg"):
        save_preview(
            volume_of(body()), body(np.int16), body(np.int16), LABELS, tmp_path / "p.jpg", title="one"
        )
