"""The network of the papers, assembled: image encoder, prompt encoder, mask decoder [P1 §3.1].

Names and shapes of the parameters are those of the published SegAnyPET and SAM-Med3D checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from seganypet.errors import UsageError
from seganypet.models.checks import check_cube, check_points, common_batch
from seganypet.models.image_encoder import ImageEncoder
from seganypet.models.layers import full_precision, upscaled
from seganypet.models.mask_decoder import MaskDecoder
from seganypet.models.prompt_encoder import PromptEncoder


@dataclass(frozen=True, kw_only=True)
class SAM3DConfig:
    """The shape of the network; the defaults are those of the published checkpoints.

    Attributes:
        patch_size: Voxels along each side of the patch.
        token_size: Voxels along each side of a token.
        embed_dim: Channels of a token in the image encoder.
        depth: Blocks of the image encoder (12 in the released code, 16 in P1's text).
        num_heads: Attention heads of each block.
        mlp_ratio: Hidden channels of each block's MLP, per channel of a token.
        window_size: Tokens along each side of an attention window; more than the grid has means zero padding.
        global_blocks: Indices of the blocks that attend over the whole grid.
        out_channels: Channels of the image embedding and of all prompt embeddings.
        mask_channels: Hidden channels of the previous mask's convolutions; 8 or more.
        point_embeddings: 2 (negative, positive), or 4 in checkpoints with the unused box corners.
        decoder_depth: Blocks of the mask decoder's transformer.
        decoder_heads: Attention heads of the mask decoder.
        decoder_mlp_dim: Hidden channels of the mask decoder's MLPs.
        mask_tokens: Mask tokens of the decoder, of which the first is used.
        iou_head_dim: Hidden channels of the unused IoU head.
        corrected: False for the arithmetic of the published checkpoints with all its quirks, True for what
            was intended, to train from scratch. The quirks: the position bias (`position_bias`) and the
            unmasked padding (`image_encoder.WindowAttention`), the swapped axes
            (`prompt_encoder.PositionEncoding.grid`) and the zero mask (`PromptEncoder.embed_missing_mask`).

    Raises:
        UsageError: Sizes that do not fit each other.
    """

    patch_size: int = 128
    token_size: int = 16
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    mlp_ratio: int = 4
    window_size: int = 14
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    out_channels: int = 384
    mask_channels: int = 16
    point_embeddings: int = 2
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp_dim: int = 2048
    mask_tokens: int = 4
    iou_head_dim: int = 256
    corrected: bool = False

    def __post_init__(self) -> None:
        # A configuration read back from JSON holds a list, which would make it unequal to this one.
        object.__setattr__(self, "global_blocks", tuple(self.global_blocks))
        for name in _SIZES:
            size = getattr(self, name)
            if not isinstance(size, int) or size < 1:
                raise UsageError(f"{name}={size!r}; use a whole number, 1 or more")
        if not isinstance(self.corrected, bool):
            raise UsageError(f"corrected={self.corrected!r}; use True or False")
        self._require_multiple("patch_size", self.token_size, "token_size")
        self._require_multiple("embed_dim", self.num_heads, "num_heads")
        self._require_multiple("out_channels", 24, "3 (position encoding) and 8 (upscaling)")
        self._require_multiple("out_channels", 2 * self.decoder_heads, "2 x decoder_heads")
        self._require_multiple("mask_channels", 4, "the first convolution has a quarter of them")
        if self.mask_channels < 8:
            # Layer norm over a single channel is constant: the previous mask would be lost.
            raise UsageError(f"mask_channels={self.mask_channels}; use 8 or more")
        if self.point_embeddings not in (2, 4):
            raise UsageError(f"point_embeddings={self.point_embeddings}; use 2, or 4 with box corners")
        beyond = [index for index in self.global_blocks if not 0 <= index < self.depth]
        if beyond:
            raise UsageError(
                f"global_blocks names block {beyond[0]}; depth={self.depth} has 0 to {self.depth - 1}"
            )

    def _require_multiple(self, name: str, divisor: int, reason: str) -> None:
        if getattr(self, name) % divisor:
            raise UsageError(f"{name}={getattr(self, name)}; use a multiple of {divisor}: {reason}")

    @property
    def grid_size(self) -> int:
        """Tokens along each side of the patch, and of the image embedding."""
        return self.patch_size // self.token_size

    @property
    def low_res_size(self) -> int:
        """Voxels along each side of the decoder's logits."""
        return 4 * self.grid_size

    @property
    def window_sizes(self) -> tuple[int, ...]:
        """Tokens along each side of the attention window, per block."""
        return tuple(
            self.grid_size if index in self.global_blocks else self.window_size for index in range(self.depth)
        )


# fmt: off
_SIZES = (
    "patch_size", "token_size", "embed_dim", "depth", "num_heads", "mlp_ratio", "window_size", "out_channels",
    "mask_channels", "decoder_depth", "decoder_heads", "decoder_mlp_dim", "mask_tokens", "iou_head_dim",
)
# fmt: on


class SegAny3D(nn.Module):
    """The 3D Segment Anything network of the papers: one patch and its clicks to a mask [P1 eq. 1].

    Axes are the patch's own i, j, k throughout. Embed the patch once with `encode`; then call `decode` for
    every click, with all clicks so far and the logits that the last call returned.

    Parameters that `decode` does not reach, and that hence get no gradient: `point_embeddings` 2 and 3,
    `mask_decoder.output_hypernetworks_mlps` 1 and up, `iou_prediction_head`, and in the released form
    `prompt_encoder.no_mask_embed`.

    Args:
        config: Shape of the network; the published one if left out.
    """

    def __init__(self, config: SAM3DConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SAM3DConfig()
        self.image_encoder = ImageEncoder(
            grid_size=config.grid_size,
            token_size=config.token_size,
            dim=config.embed_dim,
            num_heads=config.num_heads,
            mlp_dim=config.mlp_ratio * config.embed_dim,
            window_sizes=config.window_sizes,
            out_channels=config.out_channels,
            corrected=config.corrected,
        )
        self.prompt_encoder = PromptEncoder(
            dim=config.out_channels,
            patch_size=config.patch_size,
            grid_size=config.grid_size,
            mask_channels=config.mask_channels,
            point_embeddings=config.point_embeddings,
            corrected=config.corrected,
        )
        self.mask_decoder = MaskDecoder(
            dim=config.out_channels,
            depth=config.decoder_depth,
            num_heads=config.decoder_heads,
            mlp_dim=config.decoder_mlp_dim,
            mask_tokens=config.mask_tokens,
            iou_head_dim=config.iou_head_dim,
        )

    @property
    def patch_size(self) -> int:
        """Voxels along each side of a patch."""
        return self.config.patch_size

    @property
    def field_size(self) -> int:
        """Voxels along each side of what `encode` takes: the patch."""
        return self.config.patch_size

    @property
    def logits_size(self) -> int:
        """Voxels along each side of the decoder's logits, a quarter of the patch's."""
        return self.config.low_res_size

    @property
    def boxes(self) -> bool:
        """Whether it takes boxes as prompts: the papers' training never showed it any."""
        return False

    @property
    def autocast_part(self) -> nn.Module:
        """The part that mixed precision computes in 16 bits: where the time goes."""
        return self.image_encoder

    def encode(self, patch: Tensor) -> Tensor:
        """Return the image embedding, [B, out_channels, grid, grid, grid], to keep for every click.

        Args:
            patch: Normalised intensities, [B, 1, patch, patch, patch].

        Raises:
            GeometryError: A patch of another shape.
        """
        check_cube("patch", patch, 1, self.config.patch_size)
        image_embedding: Tensor = self.image_encoder(patch)
        return image_embedding

    def decode(
        self,
        image_embedding: Tensor,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of the mask, [B, 1, low_res, low_res, low_res]; see `upscale`.

        Computed in full precision also under autocast: 16 bits would save a few milliseconds, and move masks by
        1 % of Dice.

        Args:
            image_embedding: From `encode`, [B, out_channels, grid, grid, grid], or [1, …] for all prompts.
            point_coords: All clicks so far, [B, N, 3], as voxel coordinates i, j, k of the patch;
                integer = voxel centre. None, with `point_labels`, for the mask alone: then not even the
                padding token is there, as in the released training.
            point_labels: [B, N]: 1 positive, 0 negative, -1 padding.
            low_res_logits: What the last call returned, [B, 1, low_res, low_res, low_res]; None, before the
                first click; see `prompt_encoder.PromptEncoder.embed_missing_mask`.

        Raises:
            GeometryError: An embedding or logits of another shape, or batches that do not match.
            PromptError: Coordinates and labels that do not match, an unknown label, or the corner of a box.
        """
        config = self.config
        check_cube("image_embedding", image_embedding, config.out_channels, config.grid_size)
        if low_res_logits is not None:
            check_cube("low_res_logits", low_res_logits, 1, config.low_res_size)
        check_points(point_coords, point_labels)
        batch = common_batch(len(image_embedding), point_coords, low_res_logits)
        with full_precision(image_embedding):
            if low_res_logits is None:
                dense_embedding = self.prompt_encoder.embed_missing_mask(batch)
            else:
                dense_embedding = self.prompt_encoder.embed_mask(low_res_logits)
            if point_coords is None or point_labels is None:
                sparse_embeddings = dense_embedding.new_zeros(batch, 0, config.out_channels)
            else:
                sparse_embeddings = self.prompt_encoder.embed_points(point_coords, point_labels)
            image_pe = self.prompt_encoder.dense_position_encoding()
            logits: Tensor = self.mask_decoder(
                image_embedding.to(image_pe.dtype), image_pe, sparse_embeddings, dense_embedding
            )
        return logits

    def upscale(self, low_res_logits: Tensor) -> Tensor:
        """Return the logits on the voxels of the patch, [B, 1, patch, patch, patch], trilinear."""
        check_cube("low_res_logits", low_res_logits, 1, self.config.low_res_size)
        with full_precision(low_res_logits):
            return upscaled(low_res_logits, self.config.patch_size)

    def forward(
        self,
        patch: Tensor,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        low_res_logits: Tensor | None = None,
    ) -> Tensor:
        """Return `decode(encode(patch), …)`: the low-resolution logits of one round of clicks."""
        return self.decode(self.encode(patch), point_coords, point_labels, low_res_logits)
