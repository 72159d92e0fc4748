"""The picture: what it shows, where, and in which colours."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from seganypet.analysis.figure import save_figure
from seganypet.analysis.scene import scene_of
from seganypet.errors import GeometryError, OutputError, PromptError, UsageError
from seganypet.prompts.click import Click
from seganypet.volume import Mask, Source, Volume


@pytest.fixture
def volume() -> Volume:
    """A body of 40 × 24 × 60 cm in air, with a hot ball on the patient's left, in a file that runs to the left."""
    affine = np.diag([-8.0, 8.0, 10.0, 1.0])
    affine[:3, 3] = [256, -200, -400]
    array = np.full((64, 50, 70), 0.02, dtype=np.float32)
    array[7:57, 10:40, 5:65] = 1.0
    array[45:49, 24:28, 30:34] = 12.0
    return Volume(array, affine, source=Source(path="some/where/scan.nii.gz"))


@pytest.fixture
def mask(volume) -> Mask:
    return volume.like(volume.array > 6)


@pytest.fixture
def drawn(monkeypatch) -> list[Figure]:
    """Figures as they are when they are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def remember(self, *args, **kwargs):
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", remember)
    return figures


def test_shows_five_views_with_unit_letters_and_numbers(volume, mask, drawn, tmp_path):
    save_figure(volume, {"lesion": mask}, [Click((46, 25, 31))], tmp_path / "figure.png")
    (figure,) = drawn
    titles = [axes.get_title() for axes in figure.axes]
    # x = 256 - 8·46, y = -200 + 8·25, z = -400 + 10·31
    assert titles[:5] == [
        "Coronal MIP",
        "Sagittal MIP",
        "Axial, k = 31 (z = -90 mm)",
        "Coronal, j = 25 (y = 0 mm)",
        "Sagittal, i = 46 (x = -112 mm)",
    ]
    assert figure.axes[5].get_ylabel() == "SUVbw (g/ml)"
    assert [text.get_text() for text in figure.axes[0].texts] == ["R", "L", "S", "I"]
    assert [text.get_text() for text in figure.axes[4].texts] == ["A", "P", "S", "I"]
    texts = {text.get_text() for text in figure.texts}
    assert {"scan.nii.gz", "Research use only. Not a medical device."} <= texts
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    # 64 voxels of 0.64 ml
    assert legend == ["lesion: 41.0 ml, SUVmax 12.0, SUVmean 12.0", "positive click"]


def test_hangs_the_patients_left_on_the_right_in_mm(volume, mask, drawn, tmp_path):
    save_figure(volume, {"lesion": mask}, [Click((46, 25, 31))], tmp_path / "figure.png")
    coronal, axial = drawn[0].axes[0], drawn[0].axes[2]
    for axes in (coronal, axial):
        assert axes.get_aspect() == 1.0
        left, right = axes.get_xlim()
        assert (left + right) / 2 < axes.lines[0].get_xdata()[0] < right
    # 46 voxels of 8 mm from the patient's right, as stored; 69 - 31 of 10 mm from the top
    assert coronal.lines[0].get_xdata()[0] == pytest.approx(46 * 8)
    assert coronal.lines[0].get_ydata()[0] == pytest.approx(38 * 10)


def test_outlines_the_mask_where_it_is(volume, mask, drawn, tmp_path):
    save_figure(volume, {"lesion": mask}, [Click((46, 25, 31))], tmp_path / "figure.png")
    axial = drawn[0].axes[2]
    corners = np.concatenate(axial.collections[0].get_segments())
    assert corners[:, 0].min() == pytest.approx((45 - 0.5) * 8)
    assert corners[:, 0].max() == pytest.approx((48 + 0.5) * 8)


def test_slices_go_through_the_newest_positive_click(volume, mask):
    clicks = [Click((46, 25, 31)), Click((20, 20, 40)), Click((10, 10, 10), positive=False)]
    assert scene_of(volume, {"lesion": mask}, clicks).centre == (20, 49 - 20, 69 - 40)


def test_slices_go_through_the_mask_without_a_positive_click(volume, mask):
    # 45…48, 24…27, 30…33: centres 46.5, 25.5, 31.5, and halves go up
    assert scene_of(volume, {"lesion": mask}, []).centre == (47, 24, 38)


def test_a_slice_shows_the_clicks_near_it_and_a_projection_all(volume, mask, drawn, tmp_path):
    clicks = [Click((46, 25, 31)), Click((46, 25, 33), positive=False), Click((46, 25, 32), positive=False)]
    save_figure(volume, {"lesion": mask}, clicks, tmp_path / "figure.png")
    coronal_projection, axial = drawn[0].axes[0], drawn[0].axes[2]
    assert [line.get_marker() for line in coronal_projection.lines] == ["+", "x", "x"]
    assert [line.get_marker() for line in axial.lines] == ["+", "x"]


def test_projections_leave_the_air_out(volume, mask):
    scene = scene_of(volume, {"lesion": mask}, [])
    # the body, and 15 mm: 2 voxels of 8 mm, 2 of 10 mm
    assert scene.whole == [(5, 58), (8, 41), (3, 66)]


def test_whole_body_takes_in_masks_outside_it(volume):
    mask = np.zeros(volume.shape, dtype=bool)
    mask[0, 0, 0] = True
    scene = scene_of(volume, {"stray": volume.like(mask)}, [])
    assert scene.whole[0][0] == 0
    assert scene.whole[1][1] == 49  # in front of the body is row 0, behind it the last


def test_the_window_follows_the_uptake_within_usual_bounds(volume):
    def window(peak):
        array = np.ones((20, 20, 20), dtype=np.float32)
        array[:5] = peak
        shown = Volume(array, np.eye(4))
        return scene_of(shown, {}, [Click((0, 0, 0))]).window_suv

    assert window(1.5) == 3.0
    assert window(4.6) == 5.0
    assert window(60.0) == 7.0


def test_writes_a_png_with_the_masks_colour(volume, mask, tmp_path):
    path = tmp_path / "new" / "figure.png"
    save_figure(volume, {"lesion": mask}, [], path)
    image = matplotlib.image.imread(path)[..., :3]
    red = np.abs(image - np.array([0xE6, 0x19, 0x4B]) / 255).max(axis=-1) < 0.02
    assert red.sum() > 200
    assert [p.name for p in path.parent.iterdir()] == ["figure.png"]


def test_an_empty_mask_is_named_empty(volume, drawn, tmp_path):
    empty = volume.like(np.zeros(volume.shape, dtype=bool))
    save_figure(volume, {"nothing": empty}, [Click((46, 25, 31))], tmp_path / "figure.png")
    assert drawn[0].legends[0].get_texts()[0].get_text() == "nothing: empty"


@pytest.mark.parametrize("name", [r"$\frac$", "$x^{$", "a $1 b $2"])
def test_names_are_no_formulas(volume, mask, drawn, tmp_path, name):
    save_figure(volume, {name: mask}, [], tmp_path / "figure.png", title=name)
    (figure,) = drawn
    assert name in [text.get_text() for text in figure.texts]
    assert figure.legends[0].get_texts()[0].get_text().startswith(f"{name}: ")


def test_does_not_touch_pyplot(volume, mask, tmp_path):
    import sys

    before = "matplotlib.pyplot" in sys.modules
    save_figure(volume, {"lesion": mask}, [], tmp_path / "figure.png")
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_draws_a_volume_of_few_voxels(tmp_path):
    volume = Volume(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4))
    save_figure(volume, {}, [Click((0, 0, 0))], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_refuses_another_suffix(volume, mask, tmp_path):
    with pytest.raises(OutputError, match=r"\.png"):
        save_figure(volume, {"lesion": mask}, [], tmp_path / "figure.pdf")


def test_refuses_a_place_that_cannot_be_written(volume, mask, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(volume, {"lesion": mask}, [], tmp_path / "file" / "figure.png")


def test_refuses_a_mask_on_another_grid(volume, tmp_path):
    other = Mask(np.ones((2, 2, 2), dtype=bool), np.eye(4))
    with pytest.raises(GeometryError, match='"other"'):
        save_figure(volume, {"other": other}, [], tmp_path / "figure.png")


def test_refuses_a_click_outside(volume, tmp_path):
    with pytest.raises(PromptError, match="outside"):
        save_figure(volume, {}, [Click((64, 0, 0))], tmp_path / "figure.png")


def test_refuses_to_draw_nothing(volume, tmp_path):
    with pytest.raises(UsageError, match="mask or a click"):
        save_figure(volume, {}, [], tmp_path / "figure.png")
    assert list(Path(tmp_path).iterdir()) == []
