from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from seganypet.errors import GeometryError, UsageError
from seganypet.phantom import PhantomConfig, StreamConfig, blocks, procedural_anatomy, render_blocks
from seganypet.phantom.anatomy import TISSUE_IDS

CONFIG = StreamConfig(
    phantom=PhantomConfig(spacing_mm=(8.0, 8.0, 8.0), tracer="mixed", lesion_count=(4, 8)),
    shape=(48, 32, 40),
)
SPACING = (8.0, 8.0, 8.0)


@pytest.fixture(scope="module")
def drawn():
    return list(islice(blocks(3, CONFIG), 8))


def test_same_seed_gives_the_same_blocks(drawn):
    for first, second in zip(drawn, blocks(3, CONFIG), strict=False):
        np.testing.assert_array_equal(first.tissues, second.tissues)
        assert first.patient.plans == second.patient.plans
        assert first.patient.examination == second.patient.examination
        assert first.seed == second.seed
    assert not np.array_equal(next(blocks(4, CONFIG)).tissues, drawn[0].tissues)


def test_workers_of_one_seed_simulate_different_scans(drawn):
    first, second = (next(blocks([3, worker], CONFIG)) for worker in (0, 1))
    assert not np.array_equal(first.tissues, second.tissues)


def test_a_patient_gives_several_blocks_and_a_body_several_patients(drawn):
    per_patient = CONFIG.blocks_per_patient
    uptakes = [id(block.patient.uptake) for block in drawn]
    assert len(set(uptakes[:per_patient])) == 1
    assert uptakes[per_patient] != uptakes[0]


def test_a_scan_is_the_same_alone_and_in_a_batch(drawn):
    tissues, images = render_blocks(drawn[:3], SPACING)
    _, alone = render_blocks(drawn[2:3], SPACING)
    assert images.suv.shape == tissues.shape == (3, *CONFIG.shape)
    torch.testing.assert_close(images.suv[2], alone.suv[0])
    assert torch.equal(images.lesions[2], alone.lesions[0])


def test_lesions_lie_in_tissue_and_have_their_plans(drawn):
    tissues, images = render_blocks(drawn, SPACING)
    assert (tissues[images.lesions > 0] > 0).all()
    for lesions, plans in zip(images.lesions, images.plans, strict=True):
        assert int(lesions.max()) == len(plans)
    assert sum(len(plans) for plans in images.plans) > 0


def test_blocks_cover_the_whole_length_of_the_body():
    config = replace(CONFIG, blocks_per_patient=24)
    seen = set()
    for block in islice(blocks(0, config), 24):
        seen |= {
            name
            for name in ("brain", "liver", "urinary_bladder")
            if (block.tissues == TISSUE_IDS[name]).any()
        }
    assert seen == {"brain", "liver", "urinary_bladder"}


def test_given_bodies_are_used_in_place_of_procedural_ones():
    body = procedural_anatomy(np.random.default_rng(9), spacing_mm=SPACING)
    block = next(blocks(0, CONFIG, [body]))
    present = set(np.unique(block.tissues)) - {0}
    assert present <= set(np.unique(body.label_map))
    rows = block.tissues.any(axis=(0, 1)).sum()
    assert rows >= min(CONFIG.shape[2], body.label_map.shape[2]) - 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (0, 10, 10)}, "must be 1 or more"),
        ({"blocks_per_patient": 0}, "must be 1 or more"),
        ({"phantom": PhantomConfig(spacing_mm=None)}, "give the phantom a spacing_mm"),
        ({"phantom": PhantomConfig(faithful=True)}, "leave out faithful"),
        ({"phantom": PhantomConfig(limited_share=0.1)}, "leave out limited_share"),
    ],
)
def test_refuses_streams_without_blocks_or_voxels(change, message):
    with pytest.raises(UsageError, match=message):
        replace(CONFIG, **change)


def test_refuses_bodies_of_other_voxels():
    body = procedural_anatomy(np.random.default_rng(9), spacing_mm=(10.0, 10.0, 10.0))
    with pytest.raises(GeometryError, match=r"voxels of \(10\.0, 10\.0, 10\.0\) mm"):
        next(blocks(0, CONFIG, [body]))


def test_dome_is_that_of_the_block_and_its_ends_are_not_the_scans(drawn):
    for block in drawn:
        assert not block.patient.examination.noisy_ends
        slices = np.flatnonzero((block.tissues == TISSUE_IDS["liver"]).any(axis=(0, 1)))
        if len(slices) and slices[-1] < CONFIG.shape[2] - 1:
            assert block.patient.dome == slices[-1]
