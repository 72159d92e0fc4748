"""STU-Net is the paper's: as many parameters, and resolutions that fit."""

import pytest
import torch

from seganypet.evaluation.nnunet.stunet import (
    SIZES,
    ResidualBlock,
    Size,
    STUNet,
    Upsampling,
    size_of,
    strides_for,
)


@pytest.mark.parametrize(
    ("size", "millions"), [("small", 14.60), ("base", 58.26), ("large", 440.30), ("huge", 1457.33)]
)
def test_it_has_as_many_parameters_as_the_paper_says(size, millions):
    # With TotalSegmentator's 104 structures and the background. The paper rounds to 0.01 million; a bias that is
    # there or not in every convolution would change the small one by 0.004 million, a missing head by 0.01.
    with torch.device("meta"):
        network = STUNet(inputs=1, classes=105, size=SIZES[size], strides=strides_for((128, 128, 128)))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_parameters_of_a_block_by_hand():
    block = ResidualBlock(2, 3, (2, 2, 2), first=True)
    first, second, norms, shortcut = 27 * 2 * 3 + 3, 27 * 3 * 3 + 3, 2 * (3 + 3), 2 * 3 + 3
    assert sum(p.numel() for p in block.parameters()) == first + second + norms + shortcut


def test_patches_do_not_change_the_weights():
    size = Size(width=8, depth=2)
    shapes = []
    for patch in ((128, 128, 128), (64, 32, 16)):
        network = STUNet(inputs=1, classes=4, size=size, strides=strides_for(patch))
        shapes.append({name: p.shape for name, p in network.named_parameters()})
    assert shapes[0] == shapes[1]


def test_axes_are_halved_while_4_voxels_are_left():
    assert strides_for((128, 128, 128)) == ((2, 2, 2),) * 5
    assert strides_for((64, 16, 24)) == ((2, 2, 2), (2, 2, 2), (2, 1, 1), (2, 1, 1), (1, 1, 1))


def test_sizes_of_widths():
    assert size_of(64) == SIZES["large"]
    assert size_of(8) == Size(width=8, depth=1)
    assert size_of(48) is None


def test_one_map_of_logits_for_every_resolution():
    network = STUNet(inputs=1, classes=3, size=Size(width=4, depth=1), strides=strides_for((32, 16, 16)))
    image = torch.randn(2, 1, 32, 16, 16)
    logits = network(image)
    assert [tuple(one.shape[2:]) for one in logits] == [
        (32, 16, 16),
        (16, 8, 8),
        (8, 4, 4),
        (4, 4, 4),
        (4, 4, 4),
    ]
    assert {one.shape[:2] for one in logits} == {(2, 3)}
    network.decoder.deep_supervision = False
    torch.testing.assert_close(network(image), logits[0])


def test_upsampling_repeats_voxels():
    up = Upsampling(1, 1, (2, 1, 3))
    torch.nn.init.ones_(up.reduce.weight)
    torch.nn.init.zeros_(up.reduce.bias)
    features = torch.tensor([1.0, 5.0]).reshape(1, 1, 2, 1, 1)
    assert up(features).flatten().tolist() == [1.0] * 6 + [5.0] * 6
