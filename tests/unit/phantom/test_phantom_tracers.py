import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom import TISSUES, draw_uptake
from seganypet.phantom.tracers.uptake import uptake_class


def draws(tracer, count=200):
    rng = np.random.default_rng(0)
    return [draw_uptake(TISSUES, rng, tracer) for _ in range(count)]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("liver", 2.1, 2.5),
        ("aorta", 1.5, 1.8),
        ("lung_upper_lobe_left", 0.4, 0.6),
        ("skeletal_muscle", 0.5, 0.7),
        ("brain", 6, 8),
        ("vertebrae_L3", 1.1, 1.5),
    ],
)
def test_fdg_medians_are_those_of_the_literature(name, low, high):
    assert low < np.median([uptake[name] for uptake in draws("fdg")]) < high


def test_fdg_heart_and_bladder_vary_widely():
    hearts = [uptake["heart_myocardium"] for uptake in draws("fdg")]
    assert min(hearts) < 1.5
    assert max(hearts) > 7
    assert max(uptake["urinary_bladder"] for uptake in draws("fdg")) > 30


def test_psma_is_hottest_in_kidneys_and_glands():
    for uptake in draws("psma", 20):
        assert uptake["kidney_left"] > uptake["liver"] > uptake["aorta"]
        assert uptake["parotid_gland_left"] > uptake["skeletal_muscle"]


def test_random_spans_two_decades():
    values = [uptake["liver"] for uptake in draws("random")]
    assert min(values) < 0.3
    assert max(values) > 8


def test_tissues_of_a_class_take_up_alike():
    for uptake in draws("random", 10):
        assert uptake["kidney_left"] == pytest.approx(uptake["kidney_right"], rel=0.2)
        assert uptake["vertebrae_L1"] == pytest.approx(uptake["vertebrae_T12"], rel=0.2)


def test_class_of_a_tissue():
    assert uptake_class("vertebrae_L3") == "marrow"
    assert uptake_class("iliac_vena_left") == "blood"
    assert uptake_class("kidney_pelvis_left") == "kidney_pelvis"
    assert uptake_class("kidney_left") == "kidney"


def test_order_of_names_does_not_matter():
    names = ["liver", "spleen", "brain"]
    first = draw_uptake(names, np.random.default_rng(4))
    assert first == draw_uptake(reversed(names), np.random.default_rng(4))


def test_refuses_an_unknown_tracer():
    with pytest.raises(UsageError, match="'fluoride'"):
        draw_uptake(["liver"], np.random.default_rng(0), "fluoride")
