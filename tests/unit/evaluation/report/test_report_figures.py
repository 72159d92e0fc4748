"""Figures: what is drawn, in which colours, and what is refused."""

from __future__ import annotations

import io

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest

from seganypet.errors import GeometryError
from seganypet.evaluation.report.bland_altman import agreement_of, bland_altman, is_wide
from seganypet.evaluation.report.drawing import columns_for, drawing, label_of, look_of, png_of
from seganypet.evaluation.report.figures import dice_boxes, dice_curves
from seganypet.evaluation.report.worst_cases import View, WorstCase, worst_cases


def pixels(png: bytes) -> np.ndarray:
    return (matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3] * 255).round().astype(int)


def has_colour(png: bytes, colour: str) -> bool:
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return bool((np.abs(pixels(png) - wanted).max(axis=-1) <= 2).any())


def legend_texts(figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def view(**more) -> View:
    suv = np.ones((20, 30))
    reference, prediction = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    reference[5:9, 5:9] = True
    prediction[10:15, 15:20] = True
    return View(**({"suv": suv, "reference": reference, "prediction": prediction} | more))


def test_methods_look_different_even_after_colours_repeat():
    looks = [look_of(n) for n in range(20)]
    assert len(set(looks)) == 20
    assert len({look.colour for look in looks[:7]}) == 7


def test_labels_that_matplotlib_would_hide_or_read_as_formulas_are_shown(results_of, row, drawn):
    rows = [row("a", name, 0.5) for name in ("_hidden", "5% & $x$")]
    assert dice_boxes(results_of(rows), 1)
    assert legend_texts(drawn[0]) == [" _hidden", "5% & $x$"]
    assert label_of("plain") == "plain"
    assert columns_for(["a" * 60, "b"], 6.0) == 1


def test_the_users_settings_of_matplotlib_change_nothing():
    def drawn_png() -> bytes:
        with drawing(2, 2) as figure:
            figure.subplots().plot([1, 2])
            return png_of(figure)

    plain = drawn_png()
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red"}):
        assert drawn_png() == plain
    assert b"Software" not in plain
    assert b"matplotlib" not in plain


def test_boxes_are_of_each_target_and_method(results_of, three_cases, drawn):
    assert dice_boxes(results_of(three_cases), 1)
    (figure,) = drawn
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["liver", "spleen"]
    assert legend_texts(figure) == ["A", "B"]
    medians = [line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 2]
    assert medians == pytest.approx([0.8, 0.5, 0.6, 0.5])


def test_many_boxes_go_on_several_lines(results_of, row, drawn):
    rows = [row("a", method, 0.5, target=f"t{n}") for method in "ABCDEF" for n in range(9)]
    dice_boxes(results_of(rows), 1)
    assert [len(axes.get_xticklabels()) for axes in drawn[0].axes] == [5, 4]


def test_there_are_no_boxes_of_nothing(results_of, row):
    assert dice_boxes(results_of([row("a", "A", 0.5)]), 3) is None


def test_curves_go_through_the_means_and_automatic_methods_are_level(results_of, row, drawn):
    rows = [
        row(case, "A", d, click=n)
        for case, n, d in (("a", 1, 0.4), ("b", 1, 0.6), ("a", 2, 0.8), ("b", 2, 0.8))
    ]
    rows += [row(case, "auto", 0.7, click=0) for case in "ab"]
    assert dice_curves(results_of(rows))
    (axes,) = drawn[0].axes
    lines = {tuple(np.round(line.get_ydata(), 9)) for line in axes.lines}
    assert lines == {(0.5, 0.8), (0.7, 0.7)}
    assert legend_texts(drawn[0]) == ["A", "auto (no click)"]
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.4, 0.8))


def test_each_kind_of_target_has_a_panel(results_of, row, drawn):
    rows = [row("a", "A", 0.5, target=name) for name in ("liver", "lesions")]
    dice_curves(results_of(rows))
    assert [axes.get_title() for axes in drawn[0].axes] == ["organs", "all lesions of a case as one"]


def test_without_clicks_there_are_no_curves(results_of, row):
    assert dice_curves(results_of([row("a", "auto", 0.5, click=0)])) is None


def test_limits_of_agreement_by_hand():
    # differences 10, 20, 30: mean 20, standard deviation 10; the pair of empty masks does not count
    ours, reference = np.array([110.0, 120.0, 130.0, 0.0]), np.array([100.0, 100.0, 100.0, 0.0])
    found = agreement_of(ours, reference, relative=False)
    assert found.mean.tolist() == [105, 110, 115]
    assert (found.bias, found.low, found.high) == pytest.approx((20, 0.4, 39.6))


def test_relative_differences_are_of_the_mean_and_an_empty_mask_is_at_minus_200():
    found = agreement_of(np.array([0.0, 3.0]), np.array([5.0, 1.0]), relative=True)
    assert found.difference.tolist() == [-200.0, 100.0]


def test_one_pair_has_no_limits():
    found = agreement_of(np.array([2.0]), np.array([1.0]), relative=False)
    assert found.bias == 1
    assert np.isnan(found.low)


def test_volumes_are_wide_beyond_a_factor_of_ten():
    assert not is_wide(np.array([0.0, 1.0, 10.0]))
    assert is_wide(np.array([1.0, 10.1]))
    assert not is_wide(np.array([0.0]))


@pytest.mark.parametrize(
    ("smallest", "scale", "unit"), [(1.0, "log", "% of the mean"), (50.0, "linear", "ml")]
)
def test_bland_altman_is_relative_where_volumes_are_wide(results_of, row, drawn, smallest, scale, unit):
    rows = [row("a", "A", 0.5), row("b", "A", 0.5, reference_ml=smallest, volume_ml=smallest)]
    assert bland_altman(results_of(rows), 1)
    (axes,) = drawn[0].axes
    assert axes.get_xscale() == scale
    assert axes.get_ylabel() == f"difference, {unit}"
    assert axes.get_title() == "A"


def test_there_is_no_plot_of_unknown_volumes(results_of, row):
    assert bland_altman(results_of([row("a", "A", 0.5, volume_ml=float("nan"))]), 1) is None


def test_worst_cases_show_both_outlines(drawn):
    png = worst_cases([WorstCase(title="a: 0.1", views=[view()])])
    assert has_colour(png, "#d55e00")
    assert has_colour(png, "#0072b2")
    assert legend_texts(drawn[0]) == ["reference", "prediction"]


def test_an_empty_prediction_has_no_outline(drawn):
    nothing = np.zeros((20, 30), bool)
    worst_cases([WorstCase(title="a", views=[view(prediction=nothing)])])
    assert [len(c.get_segments()) for c in drawn[0].axes[0].collections] == [16, 0]


def test_at_most_six_worst_cases_with_three_planes_each(drawn):
    worst_cases([WorstCase(title=f"case {n}", views=[view(), view(), view()]) for n in range(7)])
    assert len(drawn[0].axes) == 18


def test_grey_goes_to_what_is_hot_but_not_below_suv_2(drawn):
    worst_cases(
        [
            WorstCase(title="cold", views=[view()]),
            WorstCase(title="hot", views=[view(suv=np.full((20, 30), 8.0))]),
        ]
    )
    assert [axes.images[0].get_clim() for axes in drawn[0].axes] == [(0, 2), (0, 8)]


def test_pixels_have_their_size_in_mm(drawn):
    worst_cases([WorstCase(title="a", views=[view(pixel_mm=(3.0, 2.0))])])
    assert drawn[0].axes[0].images[0].get_extent() == [-1.0, 59.0, 58.5, -1.5]


def test_slices_of_different_shape_are_refused():
    with pytest.raises(GeometryError, match=r"worst case 'a': slices of shape \(19, 30\), \(20, 30\)"):
        worst_cases([WorstCase(title="a", views=[view(prediction=np.zeros((19, 30), bool))])])


def test_there_is_no_figure_of_no_cases():
    assert worst_cases([]) is None
    assert worst_cases([WorstCase(title="a", views=[])]) is None
