import numpy as np
import pytest
import torch

from seganypet.phantom.activity import render_activity, uptake_table
from seganypet.phantom.anatomy import TISSUE_IDS
from seganypet.phantom.lesions.plan import Blob, LesionPlan
from seganypet.phantom.tracers import Uptake

SPACING = (4.0, 4.0, 4.0)
NAMES = ("liver", "colon", "lung_lower_lobe_right")


def uptake(unevenness=(0.0, 0.0)):
    return Uptake(
        tracer="fdg",
        suv={"liver": 2.0, "colon": 1.5, "lung_lower_lobe_right": 0.5},
        unevenness={"liver": (0.0, 0.0), "colon": unevenness, "lung_lower_lobe_right": (0.0, 0.0)},
    )


def tissues():
    body = torch.zeros((1, 60, 60, 60), dtype=torch.int16)
    for at, name in enumerate(NAMES):
        body[0, 2 + 19 * at : 19 + 19 * at, 5:55, 5:55] = TISSUE_IDS[name]
    return body


def activity(plans=(), unevenness=(0.0, 0.0), seed=0):
    result, instances, drawn = render_activity(
        tissues(), [uptake(unevenness)], [plans], SPACING, [np.random.default_rng(seed)]
    )
    return result[0], instances[0], drawn[0]


def lesion(**changes):
    described = {
        "center_ijk": (10.3, 30.2, 30.1),
        "blobs": (Blob(volume_ml=60.0, bumpiness=0.0),),
        "suv": 10.0,
        "background_suv": 2.0,
        "host": "liver",
        "kind": "metastasis",
        "unevenness": (0.0, 0.0),
    }
    return LesionPlan(**(described | changes))


def test_even_tissues_have_their_suv_and_air_has_none():
    result, instances, drawn = activity()
    assert torch.allclose(result[tissues()[0] == TISSUE_IDS["liver"]], torch.tensor(2.0))
    assert (result[tissues()[0] == 0] == 0).all()
    assert instances.max() == 0
    assert drawn == []


def test_uneven_tissues_keep_their_mean_and_have_the_spread_asked_for():
    values = []
    for seed in range(6):
        result, _, _ = activity(unevenness=(0.3, 0.4), seed=seed)
        values.append(result[tissues()[0] == TISSUE_IDS["colon"]])
    colon = torch.cat(values)
    assert colon.mean() == pytest.approx(1.5, rel=0.05)
    assert colon.log().std() == pytest.approx(0.5, rel=0.1)


def test_lungs_take_up_more_at_the_back():
    result, _, _ = activity()
    lung = result[45, :, 30]
    assert lung[6] > lung[30] > lung[53]
    assert lung[5:55].mean() == pytest.approx(0.5, rel=0.01)


def test_a_lesion_has_its_suv_inside_and_its_hosts_outside():
    result, instances, drawn = activity([lesion()])
    assert len(drawn) == 1
    assert result[10, 30, 30] == pytest.approx(10.0)
    assert result[10, 8, 30] == pytest.approx(2.0)
    border = result[10, 30, 30:][instances[10, 30, 30:] == 1]
    assert 6.0 <= border[-1] <= 10.0  # half of the voxel or more


def test_a_necrotic_core_takes_up_less():
    result, instances, _ = activity([lesion(core=0.5, core_suv=1.0)])
    assert result[10, 30, 30] == pytest.approx(1.0, abs=0.1)
    assert result[instances == 1].max() == pytest.approx(10.0, rel=0.01)


def test_same_seed_gives_the_same_activity_in_any_batch():
    rngs = [np.random.default_rng(seed) for seed in (3, 4)]
    both, _, _ = render_activity(
        tissues().repeat(2, 1, 1, 1), [uptake((0.3, 0.2))] * 2, [[lesion()], []], SPACING, rngs
    )
    alone, _, _ = activity(unevenness=(0.3, 0.2), seed=4)
    torch.testing.assert_close(both[1], alone)


def test_table_has_a_value_for_every_id():
    table = uptake_table({"liver": 2.0})
    assert table[TISSUE_IDS["liver"]] == 2.0
    assert table[0] == 0.0
    assert len(table) == max(TISSUE_IDS.values()) + 1


def test_tissue_beside_a_lesion_reacts_and_is_not_labelled():
    calm, calm_instances, _ = activity([lesion()])
    hot, instances, _ = activity([lesion(reaction=0.6)])
    beside = (10, 30, 38)  # 7 mm outside
    assert calm[beside] == pytest.approx(2.0)
    assert 2.0 < hot[beside] < 6.0
    assert (instances != calm_instances).sum() <= 2


def test_an_uneven_lesion_keeps_its_mean():
    means = []
    for seed in range(8):
        result, instances, _ = activity([lesion(unevenness=(0.5, 0.4))], seed=seed)
        means.append(float(result[instances == 1].mean()))
    even, instances, _ = activity([lesion()])
    assert np.mean(means) == pytest.approx(float(even[instances == 1].mean()), rel=0.12)
