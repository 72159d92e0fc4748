"""The compact network: SegAnyPET's three parts, sized for a laptop's CPU and for PET's resolution.

As in the papers (P1 §3.1) an image encoder runs once per patch, a prompt encoder and a mask decoder once per click.
Three things differ. Convolutions work at half and quarter resolution beside the coarse tokens, because a lesion may be
8 mm wide. The last feature maps carry the resolution in their channels (space-to-depth), because full-resolution
convolutions are memory-bound on a CPU. And the prompt encoder also draws the clicks as maps: distance to the clicks,
and how much each voxel's uptake differs from the clicked uptake, which is how a reader tells a target in PET. Without
a positive click the latter stay empty, also in a box: its middle may well be colder than the target around it.

A patch is a window of the scan and what lies around it. Logits are of the window alone, whose size is what computing
costs; the surroundings, of twice its width, are seen at half the resolution and tell an organ from a spot in it.

Boxes are an addition: a token for each corner, and a map with a convolution of its own that begins at zero. So a
network trained on clicks can be widened and learn them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from seganypet.errors import UsageError
from seganypet.models.checks import check_cube, check_points, common_batch
from seganypet.models.compact_boxes import box_map
from seganypet.models.compact_decoder import CompactMaskDecoder
from seganypet.models.compact_layers import Down, ResidualBlock, space_to_depth
from seganypet.models.compact_prompts import CompactPromptEncoder, position_features
from seganypet.models.compact_surroundings import Surroundings
from seganypet.models.layers import Convolution3d


@dataclass(frozen=True, kw_only=True)
class CompactConfig:
    """Sizes of the compact network.

    Attributes:
        patch_size: Voxels along each side of a window.
        channels: Channels at 1/2, 1/4 and 1/8 of the patch's resolution.
        encoder_blocks: Residual blocks of the image encoder at each of these resolutions.
        transformer_blocks: Self-attention blocks of the image encoder at 1/8.
        decoder_blocks: Two-way attention blocks of the mask decoder at 1/8.
        num_heads: Attention heads.
        boxes: Whether it takes boxes as prompts; they add parameters and change none of the others.
        connected: Whether the prompt encoder draws how voxels are connected to the clicks.
        surroundings: Whether the image encoder sees what lies around a window.

    Raises:
        UsageError: Sizes that do not fit each other, or a switch that is neither True nor False.
    """

    patch_size: int = 64
    channels: tuple[int, int, int] = (32, 64, 192)
    encoder_blocks: tuple[int, int, int] = (2, 2, 1)
    transformer_blocks: int = 3
    decoder_blocks: int = 2
    num_heads: int = 6
    boxes: bool = False
    connected: bool = False
    surroundings: bool = False

    def __post_init__(self) -> None:
        for name in ("channels", "encoder_blocks"):
            sizes = tuple(getattr(self, name))
            if len(sizes) != 3 or min(sizes) < 1:
                raise UsageError(f"{name}={sizes}; use three numbers of 1 or more")
        for name in ("patch_size", "transformer_blocks", "decoder_blocks", "num_heads"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)}; use 1 or more")
        for name in ("boxes", "connected", "surroundings"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name}={getattr(self, name)!r}; use True or False")
        if self.patch_size % 8:
            raise UsageError(f"patch_size={self.patch_size}; use a multiple of 8")
        if self.channels[2] % (2 * self.num_heads):
            raise UsageError(
                f"channels={self.channels}; the last must be a multiple of 2 x num_heads = {2 * self.num_heads}"
            )


class CompactEmbedding(NamedTuple):
    """What the image encoder keeps of a patch of P voxels a side.

    Attributes:
        patch: The normalised window itself, [B, 1, P, P, P], for the uptake at the clicks.
        fine: [B, C0, P/2, P/2, P/2].
        mid: [B, C1, P/4, P/4, P/4].
        coarse: [B, C2, P/8, P/8, P/8].
    """

    patch: Tensor
    fine: Tensor
    mid: Tensor
    coarse: Tensor


class CompactImageEncoder(nn.Module):
    """Patch to features at three resolutions; self-attention over the coarsest."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        c0, c1, c2 = config.channels
        n0, n1, n2 = config.encoder_blocks
        self.stem = Convolution3d(8, c0, 3, padding=1)
        self.fine = nn.Sequential(*(ResidualBlock(c0) for _ in range(n0)))
        self.down1 = Down(c0, c1)
        self.mid = nn.Sequential(*(ResidualBlock(c1) for _ in range(n1)))
        self.down2 = Down(c1, c2)
        self.coarse = nn.Sequential(*(ResidualBlock(c2) for _ in range(n2)))
        tokens = config.patch_size // 8
        self.position = nn.Parameter(torch.zeros(1, tokens**3, c2))
        self.surroundings = Surroundings(c2, config.num_heads, tokens**3) if config.surroundings else None
        self.attention = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    c2,
                    config.num_heads,
                    4 * c2,
                    dropout=0.0,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(config.transformer_blocks)
            )
        )

    def forward(self, patch: Tensor) -> CompactEmbedding:
        """Return the features of a normalised window [B, 1, P, P, P], or of one amid its surroundings [B, 1, 2P, …]."""
        window = patch if self.surroundings is None else _middle(patch)
        fine, mid, coarse = self._convolved(window)
        tokens = coarse.flatten(2).transpose(1, 2) + self.position
        if self.surroundings is not None:
            with torch.no_grad():  # what the windows teach the convolutions serves here too
                wider = self._convolved(nn.functional.avg_pool3d(patch, 2))[-1]
            tokens = self.surroundings(tokens, wider.flatten(2).transpose(1, 2))
        coarse = self.attention(tokens).transpose(1, 2).reshape(coarse.shape)
        return CompactEmbedding(window, fine, mid, coarse)

    def _convolved(self, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the convolutions make of a window, at 1/2, 1/4 and 1/8."""
        fine = self.fine(self.stem(space_to_depth(window).contiguous(memory_format=torch.channels_last_3d)))
        mid = self.mid(self.down1(fine))
        return fine, mid, self.coarse(self.down2(mid))


def _middle(patch: Tensor) -> Tensor:
    """Return the middle half of a patch along each axis."""
    quarter = patch.shape[-1] // 4
    inner = slice(quarter, -quarter)
    return patch[..., inner, inner, inner]


class CompactSegmenter(nn.Module):
    """Image encoder, prompt encoder and mask decoder, assembled."""

    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = CompactImageEncoder(config)
        self.prompt_encoder = CompactPromptEncoder(
            config.channels, boxes=config.boxes, connected=config.connected
        )
        self.mask_decoder = CompactMaskDecoder(config, self.prompt_encoder.map_channels)

    @property
    def patch_size(self) -> int:
        """Voxels along each side of a window."""
        return self.config.patch_size

    @property
    def field_size(self) -> int:
        """Voxels along each side of what `encode` takes: the window, with what lies around it."""
        return self.config.patch_size * (2 if self.config.surroundings else 1)

    @property
    def logits_size(self) -> int:
        """Voxels along each side of the logits; here those of the window."""
        return self.config.patch_size

    @property
    def boxes(self) -> bool:
        """Whether it takes boxes as prompts."""
        return self.config.boxes

    @property
    def autocast_part(self) -> nn.Module:
        """The part that mixed precision computes in 16 bits: all of it."""
        return self

    def encode(self, patch: Tensor) -> CompactEmbedding:
        """Return the image embedding of a normalised patch [B, 1, F, F, F], whose middle is the window.

        Raises:
            GeometryError: A patch of another shape.
        """
        check_cube("patch", patch, 1, self.field_size)
        embedding: CompactEmbedding = self.image_encoder(patch)
        return embedding

    def decode(
        self,
        image_embedding: object,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Return logits [B, 1, P, P, P] for the clicks so far, and a box.

        Args:
            image_embedding: From `encode`, of one patch for all prompts or of as many.
            point_coords: Clicks in voxels of the patch, integer = voxel centre, [B, N, 3]; N may be 0. None, with
                `point_labels`, is the same as no clicks.
            point_labels: 1 positive, 0 negative, -1 padding, [B, N]; of a network with boxes also 2 and 3, the first
                and the last voxel of a box, of which each patch may have one.
            low_res_logits: The previous prediction [B, 1, P, P, P], 0 where nothing is known, or None.

        Raises:
            UsageError: The embedding is another network's.
            GeometryError: Logits of another shape, or batches that do not match.
            PromptError: Coordinates and labels that do not match, an unknown label, or corners that are no box.
        """
        if not isinstance(image_embedding, CompactEmbedding):
            found = type(image_embedding).__name__
            raise UsageError(f"image_embedding is of type {found}; give what this model's encode returned")
        check_points(point_coords, point_labels)
        if low_res_logits is not None:
            check_cube("low_res_logits", low_res_logits, 1, self.logits_size)
        patch = image_embedding.patch
        batch = common_batch(len(patch), point_coords, low_res_logits)
        if len(patch) != batch:
            shared = (part.expand(batch, *part.shape[1:]) for part in image_embedding)
            image_embedding = CompactEmbedding(*shared)
        if point_coords is None or point_labels is None:
            point_coords, point_labels = patch.new_zeros(batch, 0, 3), patch.new_zeros(batch, 0)
        labels = point_labels.long()
        maps, tokens = self.prompt_encoder(image_embedding, point_coords, labels, low_res_logits)
        # Drawn also where no patch has a box, so that all processes of a training have the same gradients.
        box = box_map(point_coords, labels, self.patch_size) if self.boxes else None
        position = position_features(
            image_embedding.coarse.shape[2:], self.prompt_encoder.position, like=image_embedding.coarse
        )
        logits: Tensor = self.mask_decoder(image_embedding, maps, box, tokens, position)
        return logits

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return logits at the patch's own resolution; the compact network decodes there already."""
        check_cube("low_res_logits", low_res_logits, 1, self.logits_size)
        return low_res_logits


def with_boxes(network: CompactSegmenter) -> CompactSegmenter:
    """Return a network that also takes boxes: a copy of this one's parameters, and new ones for boxes.

    To clicks it answers as the given one does; to boxes hardly, as it has to learn them.
    """
    widened = CompactSegmenter(replace(network.config, boxes=True))
    widened.load_state_dict({**widened.state_dict(), **network.state_dict()})
    return widened
