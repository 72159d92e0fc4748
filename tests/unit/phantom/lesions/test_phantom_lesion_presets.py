import functools
import pickle
from dataclasses import replace

import numpy as np
import pytest

from seganypet.errors import UsageError
from seganypet.phantom.anatomy.procedural import procedural_anatomy
from seganypet.phantom.lesions.groups import VOLUME_ML, LesionGroup, LesionPreset, LogNormal
from seganypet.phantom.lesions.planning import plan_lesions
from seganypet.phantom.lesions.presets import PRESETS

SEEDS = range(50)
SUV = {
    "liver": 2.2,
    "spleen": 1.9,
    "brain": 7.0,
    "heart_blood_pool": 1.6,
    "urinary_bladder": 12.0,
    "kidney_left": 2.5,
}


@functools.cache
def body():
    return next(
        anatomy
        for seed in range(20)
        if "prostate"
        in (anatomy := procedural_anatomy(np.random.default_rng(seed), spacing_mm=(6.0,) * 3)).names.values()
    )


@functools.cache
def patients(preset, tracer):
    """The plans of 50 patients."""
    suv = {name: SUV.get(name, 0.8) for name in body().names.values()}
    return [
        plan_lesions(body(), suv, np.random.default_rng(seed), preset=preset, tracer=tracer) for seed in SEEDS
    ]


def lesions(preset, kind=None, tracer="fdg"):
    return [plan for plans in patients(preset, tracer) for plan in plans if kind in (None, plan.kind)]


def height_mm(plan):
    return float((body().affine @ [*plan.center_ijk, 1.0])[2])


def top_mm(*names):
    k = np.flatnonzero(body().mask(*names).any(axis=(0, 1)))[-1]
    return float((body().affine @ [0, 0, k, 1.0])[2])


def log_normal(**changes):
    return LogNormal(**{"median": 4.0, "spread": 0.5, "low": 1.0, "high": 20.0, **changes})


def group(**changes):
    return LesionGroup(**{"kind": "node", "stations": {"iliac": 1.0}, "volume_ml": log_normal(), **changes})


def test_half_of_a_log_normal_cut_off_evenly_lies_below_its_median():
    even = log_normal(low=2.0, high=8.0)
    assert even.quantile(0.5) == pytest.approx(4.0)
    assert (even.quantile(0.0), even.quantile(1.0)) == pytest.approx((2.0, 8.0))
    # 0.8413 of a normal distribution lies below one standard deviation; far cut-offs change nothing.
    wide = log_normal(low=1e-4, high=1e5)
    assert wide.quantile(0.841345) == pytest.approx(4.0 * np.exp(0.5), rel=1e-4)


def test_presets_survive_pickling():
    for preset in PRESETS.values():
        assert pickle.loads(pickle.dumps(preset)) == preset


def test_every_patient_of_a_disease_has_lesions_and_none_without():
    for name in PRESETS:
        numbers = [len(plans) for plans in patients(name, "fdg")]
        assert (max(numbers) == 0) if name == "none" else (min(numbers) >= 1), name


def test_volumes_stay_in_range_and_most_lesions_are_small():
    for name in PRESETS:
        volumes = [plan.volume_ml for plan in lesions(name)]
        assert all(VOLUME_ML[0] * 0.999 <= volume <= VOLUME_ML[1] * 1.001 for volume in volumes), name
    random = np.array([plan.volume_ml for plan in lesions("random")])
    assert np.median(random) < 8
    assert np.quantile(random, 0.9) / np.quantile(random, 0.1) > 15


def test_lymphoma_lies_on_both_sides_of_the_diaphragm_and_in_spleen_and_marrow():
    nodes = lesions("lymphoma", "node")
    above = np.mean([height_mm(plan) > top_mm("liver") for plan in nodes])
    assert 0.25 < above < 0.85
    hosts = {plan.host for plan in lesions("lymphoma")}
    assert "spleen" in hosts
    assert any(host.startswith("vertebrae_") for host in hosts)
    confluent = [plan for plan in lesions("lymphoma") if len(plan.blobs) > 1]
    assert 0.1 < len(confluent) / len(lesions("lymphoma")) < 0.5


def test_lung_cancer_starts_in_a_lobe_and_goes_to_the_nodes_of_its_side_first():
    same = []
    for plans in patients("lung_cancer", "fdg"):
        assert plans[0].kind == "primary"
        assert plans[0].host.startswith("lung_")
        nodes = [plan for plan in plans if plan.kind == "node"]
        if nodes:
            same.append(_is_right(nodes[0]) == _is_right(plans[0]))
    assert len(same) > 10
    assert np.mean(same) > 0.8
    assert {plan.kind for plan in lesions("lung_cancer")} > {"bone_metastasis", "liver_metastasis"}


def _is_right(plan):
    if "_right" in plan.host or "_left" in plan.host:
        return "_right" in plan.host
    spine = np.argwhere(body().mask(*(f"vertebrae_T{number}" for number in range(3, 10))))
    return plan.center_ijk[0] > spine[:, 0].mean()


def test_head_and_neck_cancer_stays_mostly_above_the_collar_bones():
    plans = lesions("head_neck")
    collar = top_mm("clavicula_left", "clavicula_right") - 60
    assert np.mean([height_mm(plan) > collar for plan in plans]) > 0.85
    assert sum(plan.kind == "primary" for plan in plans) == len(SEEDS)
    assert (
        0.5
        < np.mean([any(plan.kind == "node" for plan in one) for one in patients("head_neck", "fdg")])
        < 0.95
    )


def test_melanoma_is_multifocal_in_many_tissues():
    numbers = [len(plans) for plans in patients("melanoma", "fdg")]
    assert min(numbers) >= 2
    assert max(numbers) > 12
    hosts = {plan.host for plan in lesions("melanoma")}
    assert {"skin", "subcutaneous_fat", "liver"} <= hosts
    assert any(host.startswith("lung_") for host in hosts)
    assert any("bowel" in host or host in ("colon", "stomach", "duodenum") for host in hosts)


def test_prostate_cancer_has_bone_metastases_and_is_hotter_on_psma():
    bones = lesions("prostate", "bone_metastasis")
    names = (
        "vertebrae_",
        "hip_",
        "sacrum",
        "rib_",
        "sternum",
        "femur_",
        "humerus_",
        "scapula_",
        "clavicula_",
    )
    assert len(bones) > 80
    assert all(plan.host.startswith(names) for plan in bones)
    primaries = lesions("prostate", "primary")
    assert {plan.host for plan in primaries} == {"prostate"}
    psma = lesions("prostate", "bone_metastasis", tracer="psma")
    assert np.median([plan.suv for plan in psma]) > 2 * np.median([plan.suv for plan in bones])


def test_sarcoma_is_one_large_mass_that_is_often_necrotic():
    primaries = lesions("sarcoma", "primary")
    assert len(primaries) == len(SEEDS)
    volumes = [plan.volume_ml for plan in primaries]
    assert 60 < np.median(volumes) < 300
    assert 0.3 < np.mean([plan.core > 0 for plan in primaries]) < 0.8
    assert 3 < np.median([plan.suv for plan in primaries]) < 8
    soft = ("_muscle", "_fat", "autochthon", "gluteus", "iliopsoas")
    assert all(any(word in plan.host for word in soft) for plan in primaries)


def test_random_lesions_lie_in_many_tissues_and_some_are_faint_or_cold():
    plans = lesions("random")
    assert len({plan.host for plan in plans}) > 30
    rises = np.array([plan.suv - plan.background_suv for plan in plans])
    assert 0.01 < np.mean(rises < 0.999) < 0.15


def test_one_patients_lesions_are_alike_in_uptake():
    spread_within, medians = [], []
    for plans in patients("lymphoma", "fdg"):
        logs = np.log([plan.suv for plan in plans])
        medians.append(np.median(logs))
        spread_within += [logs.std()] if len(logs) > 4 else []
    assert np.mean(spread_within) < 0.7 * np.std(medians)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stations": {"elbow": 1.0}}, "station 'elbow'"),
        ({"stations": {}}, "station None"),
        ({"needs": "elbow"}, "station 'elbow'"),
        ({"chance": 1.5}, "chance is 1.5"),
        ({"same_side": -0.1}, "same_side is -0.1"),
        ({"count": (0, 3)}, "count .0, 3."),
        ({"count": (4, 3)}, "count .4, 3."),
        ({"volume_ml": log_normal(low=0.1)}, "0.1 to 20 ml"),
        ({"volume_ml": log_normal(high=600.0)}, "1 to 600 ml"),
    ],
)
def test_refuses_groups_that_make_no_sense(changes, message):
    with pytest.raises(UsageError, match=message):
        group(**changes)


@pytest.mark.parametrize("changes", [{"low": 5.0}, {"high": 3.0}, {"spread": 0.0}, {"low": 0.0}])
def test_refuses_log_normals_that_make_no_sense(changes):
    with pytest.raises(UsageError, match="log-normal of median"):
        log_normal(**changes)


def test_refuses_a_likeness_beyond_one():
    with pytest.raises(UsageError, match="likeness"):
        replace(LesionPreset(), likeness=1.2)
