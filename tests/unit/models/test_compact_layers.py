"""Space-to-depth by hand and as a property; blocks keep or change sizes as they say."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from seganypet.models.compact_layers import Down, ResidualBlock, Up, depth_to_space, space_to_depth

half = st.integers(1, 3)


@given(st.integers(1, 2), st.integers(1, 3), half, half, half, st.integers(0, 1000))
def test_depth_to_space_inverts_space_to_depth(batch, channels, i, j, k, seed):
    x = torch.rand(batch, channels, 2 * i, 2 * j, 2 * k, generator=torch.Generator().manual_seed(seed))
    deep = space_to_depth(x)
    assert deep.shape == (batch, 8 * channels, i, j, k)
    assert torch.equal(depth_to_space(deep), x)


@given(half, half, half)
def test_space_to_depth_inverts_depth_to_space(i, j, k):
    deep = torch.arange(16 * i * j * k).reshape(1, 16, i, j, k)
    assert torch.equal(space_to_depth(depth_to_space(deep)), deep)


def test_each_block_of_eight_voxels_becomes_channels_in_the_order_of_i_j_k():
    x = torch.zeros(1, 2, 4, 4, 4)
    x[0, 1, 2, 1, 3] = 1.0  # channel 1, block (1, 0, 1), place (0, 1, 1) in it: 4·0 + 2·1 + 1 = 3
    assert space_to_depth(x).nonzero().tolist() == [[0, 8 + 3, 1, 0, 1]]


def test_residual_block_begins_as_the_identity_up_to_a_bias():
    torch.manual_seed(0)
    block, x = ResidualBlock(4), torch.rand(1, 4, 3, 3, 3)
    change = block(x) - x
    torch.testing.assert_close(change, block.conv2.bias.reshape(1, 4, 1, 1, 1).expand_as(x))


def test_blocks_work_on_each_voxel_whatever_the_patch_size():
    """The normalisation does not see the patch: a corner cut out beforehand gives the same corner."""
    torch.manual_seed(0)
    x = torch.rand(1, 4, 8, 8, 8)
    for layer, scale in ((Down(4, 6), 0.5), (Up(4, 6), 2)):
        whole, corner = layer(x), layer(x[:, :, :4, :4, :4])
        assert whole.shape == (1, 6, *(int(8 * scale),) * 3)
        n = int(4 * scale)
        torch.testing.assert_close(whole[:, :, :n, :n, :n], corner)
