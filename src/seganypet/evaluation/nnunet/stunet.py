"""STU-Net: a U-Net of residual blocks that scales in depth and width (Huang et al. 2023, arXiv 2304.06716).

Written from the paper's description. From it come: six stages of resolution; residual blocks of two 3×3×3
convolutions with instance normalisation and leaky ReLU, isotropic throughout; a stem that is such a block; halving of
the resolution inside the first block of a stage, in both of its branches, the shortcut by a 1×1×1 convolution of
stride 2; doubling by nearest neighbours and a 1×1×1 convolution in place of a transposed one, so that no weight
depends on the patch; 1×1×1 segmentation heads at every resolution of the decoder; and the four sizes. Ours is what the
paper leaves to the framework: an axis is halved only while at least 4 voxels are left of it, as nnU-Net plans it, so
that patches below 128 voxels can be used; at 128 that gives the paper's five halvings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

Strides = tuple[int, int, int]

STAGES: Final = 6
_FEWEST_VOXELS: Final = 4  # along an axis, after all halvings
_SLOPE: Final = 0.01
# Channels grow so, from stage to stage; the last stage keeps those of the one before.
_GROWTH: Final = (1, 2, 4, 8, 16, 16)


@dataclass(frozen=True, kw_only=True)
class Size:
    """A size of the family.

    Attributes:
        width: Channels at full resolution.
        depth: Residual blocks in every stage of the encoder and of the decoder.
    """

    width: int
    depth: int


SIZES: Final[Mapping[str, Size]] = {
    "small": Size(width=16, depth=1),
    "base": Size(width=32, depth=1),
    "large": Size(width=64, depth=2),
    "huge": Size(width=96, depth=3),
}
"""The paper's four."""


def size_of(width: int) -> Size | None:
    """Return the paper's size of a width, or a smaller one of our own for CPUs, or None where there is neither.

    Args:
        width: Channels at full resolution.
    """
    if width < SIZES["small"].width:
        return Size(width=width, depth=SIZES["small"].depth)
    return next((size for size in SIZES.values() if size.width == width), None)


def strides_for(patch: Sequence[int]) -> tuple[Strides, ...]:
    """Return by how much each of the five stages after the first reduces the resolution, axis by axis.

    Args:
        patch: Voxels along each axis.
    """
    left = list(patch)
    strides = []
    for _ in range(STAGES - 1):
        i, j, k = (2 if n % 2 == 0 and n // 2 >= _FEWEST_VOXELS else 1 for n in left)
        left = [n // stride for n, stride in zip(left, (i, j, k), strict=True)]
        strides.append((i, j, k))
    return tuple(strides)


class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut; the first and the shortcut may reduce the resolution.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: Reduction of the resolution.
        first: Whether it is the first of its stage, whose shortcut has a convolution, too.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: Strides = (1, 1, 1), *, first: bool = False
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1),
            nn.InstanceNorm3d(outputs, affine=True),
            nn.LeakyReLU(_SLOPE, inplace=True),
            nn.Conv3d(outputs, outputs, 3, padding=1),
            nn.InstanceNorm3d(outputs, affine=True),
        )
        self.shortcut = nn.Conv3d(inputs, outputs, 1, stride=stride) if first else nn.Identity()
        self.activation = nn.LeakyReLU(_SLOPE, inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return features [B, outputs, I', J', K'] of features [B, inputs, I, J, K]."""
        activated: Tensor = self.activation(self.branch(features) + self.shortcut(features))
        return activated


class Upsampling(nn.Module):
    """Nearest neighbours, then fewer channels.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        stride: How often each voxel is repeated along each axis.
    """

    def __init__(self, inputs: int, outputs: int, stride: Strides) -> None:
        super().__init__()
        self.stride = stride
        self.reduce = nn.Conv3d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return features [B, outputs, I', J', K'] of features [B, inputs, I, J, K]."""
        # A 1×1×1 convolution and repeating voxels can change places; this order computes less.
        reduced: Tensor = self.reduce(features)
        if self.stride == (1, 1, 1):
            return reduced
        return nn.functional.interpolate(reduced, scale_factor=[float(n) for n in self.stride])


class Encoder(nn.Module):
    """Six stages of residual blocks, the first at full resolution."""

    def __init__(self, inputs: int, widths: Sequence[int], depth: int, strides: Sequence[Strides]) -> None:
        super().__init__()
        stages, before = [], inputs
        for width, stride in zip(widths, ((1, 1, 1), *strides), strict=True):
            stages.append(_stage(before, width, depth, stride))
            before = width
        self.stages = nn.ModuleList(stages)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of every stage, full resolution first."""
        found = []
        features = image
        for stage in self.stages:
            features = stage(features)
            found.append(features)
        return found


class Decoder(nn.Module):
    """Five stages back to full resolution, each with a head.

    Attributes:
        deep_supervision: Whether all heads answer, or only the one at full resolution.
    """

    def __init__(self, classes: int, widths: Sequence[int], depth: int, strides: Sequence[Strides]) -> None:
        super().__init__()
        self.deep_supervision = True
        levels = range(STAGES - 2, -1, -1)  # coarse to fine
        self.ups = nn.ModuleList(Upsampling(widths[at + 1], widths[at], strides[at]) for at in levels)
        self.stages = nn.ModuleList(_stage(2 * widths[at], widths[at], depth) for at in levels)
        self.heads = nn.ModuleList(nn.Conv3d(widths[at], classes, 1) for at in levels)

    def forward(self, skips: Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Return logits [B, classes, I, J, K], or those of every head, full resolution first."""
        features = skips[-1]
        logits: list[Tensor] = []
        rest = zip(self.ups, self.stages, self.heads, reversed(skips[:-1]), strict=True)
        for number, (up, stage, head, skip) in enumerate(rest):
            features = stage(torch.cat([up(features), skip], dim=1))
            if self.deep_supervision or number == STAGES - 2:
                logits.insert(0, head(features))
        return logits if self.deep_supervision else logits[0]


class STUNet(nn.Module):
    """The network.

    Args:
        inputs: Channels of the image.
        classes: Logits for each voxel.
        size: Its width and depth.
        strides: What `strides_for` gives; patches are multiples of their product along each axis.
    """

    def __init__(self, *, inputs: int, classes: int, size: Size, strides: Sequence[Strides]) -> None:
        super().__init__()
        widths = [growth * size.width for growth in _GROWTH]
        self.encoder = Encoder(inputs, widths, size.depth, strides)
        self.decoder = Decoder(classes, widths, size.depth, strides)

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits of an image [B, inputs, I, J, K]; see `Decoder.forward`."""
        logits: Tensor | list[Tensor] = self.decoder(self.encoder(image))
        return logits


def _stage(inputs: int, outputs: int, depth: int, stride: Strides = (1, 1, 1)) -> nn.Sequential:
    rest = (ResidualBlock(outputs, outputs) for _ in range(depth - 1))
    return nn.Sequential(ResidualBlock(inputs, outputs, stride, first=True), *rest)
