"""Building blocks of the compact network: residual convolutions and space-to-depth."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from seganypet.models.layers import Convolution3d


class ChannelNorm(nn.Module):
    """Layer norm over the channels of [B, C, I, J, K]; unlike batch or group norm it does not see the patch size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return x, normalised per voxel."""
        y: Tensor = self.norm(x.permute(0, 2, 3, 4, 1))
        return y.permute(0, 4, 1, 2, 3)


class ResidualBlock(nn.Module):
    """x + conv(silu(conv(norm(x)))), 3×3×3 kernels, channels kept."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv1 = Convolution3d(channels, channels, 3, padding=1)
        self.conv2 = Convolution3d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # starts as the identity, which trains faster

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, C, I, J, K] of the input's shape."""
        y: Tensor = self.conv2(F.silu(self.conv1(self.norm(x))))
        return x + y


class Down(nn.Module):
    """Half the resolution by a 2×2×2 convolution of stride 2."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv = Convolution3d(channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, out_channels, I/2, J/2, K/2]."""
        y: Tensor = self.conv(self.norm(x))
        return y


class Up(nn.Module):
    """Twice the resolution by a 2×2×2 transposed convolution of stride 2."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.conv = nn.ConvTranspose3d(channels, out_channels, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, out_channels, 2I, 2J, 2K]."""
        y: Tensor = self.conv(self.norm(x))
        return y


def space_to_depth(x: Tensor) -> Tensor:
    """Return [B, 8C, I/2, J/2, K/2]: each 2×2×2 block of voxels becomes channels."""
    b, c, i, j, k = x.shape
    blocks = x.reshape(b, c, i // 2, 2, j // 2, 2, k // 2, 2)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, 8 * c, i // 2, j // 2, k // 2)


def depth_to_space(x: Tensor) -> Tensor:
    """Return [B, C/8, 2I, 2J, 2K], the inverse of `space_to_depth`."""
    b, c, i, j, k = x.shape
    blocks = x.reshape(b, c // 8, 2, 2, 2, i, j, k)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * i, 2 * j, 2 * k)
