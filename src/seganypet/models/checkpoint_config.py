"""The configuration of the papers' network, read off the names and shapes of a checkpoint's tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from seganypet.errors import UsageError, WeightsError
from seganypet.models.filling import ANOTHER, require_fit, unfilled
from seganypet.models.sam3d import SAM3DConfig, SegAny3D

# The tensors that the configuration is read off, with their number of axes.
_AXES = {
    "image_encoder.pos_embed": 5,
    "image_encoder.patch_embed.proj.weight": 5,
    "image_encoder.blocks.0.attn.rel_pos_d": 2,
    "image_encoder.blocks.0.mlp.lin1.weight": 2,
    "image_encoder.neck.0.weight": 5,
    "prompt_encoder.mask_downscaling.3.weight": 5,
    "mask_decoder.transformer.layers.0.mlp.lin1.weight": 2,
    "mask_decoder.mask_tokens.weight": 2,
    "mask_decoder.iou_prediction_head.layers.0.weight": 2,
}
# What leaves no trace in names and shapes: the published values are assumed, or those that a description gives.
UNREADABLE = ("decoder_heads", "corrected")


def config_of(tensors: Mapping[str, Tensor], path: Path) -> SAM3DConfig:
    """Return the configuration of the network that has these tensors.

    Depth, sizes and windows are read off; `decoder_heads` and `corrected` are the published ones.

    Args:
        tensors: Of a checkpoint, by bare name.
        path: Its file, for messages.

    Raises:
        WeightsError: They are those of another network, or of no possible one.
    """
    if not _AXES.keys() <= tensors.keys():
        with unfilled():
            published = SegAny3D().state_dict()
        require_fit(published, tensors, path, hint=_origin(tensors))
    for name, axes in _AXES.items():
        shape = tuple(tensors[name].shape)
        if len(shape) != axes or 0 in shape:
            raise WeightsError(f"{path}: {name} has shape {shape}, expected {axes} axes; {_origin(tensors)}")
    try:
        return _read_off(tensors)
    except UsageError as error:
        raise WeightsError(
            f"{path}: no network has such tensors ({error}); use the code that wrote it"
        ) from error


def completed_config(named: Mapping[str, Any], found: SAM3DConfig) -> SAM3DConfig:
    """Return the configuration found, with what a description says beyond it.

    Args:
        named: Arguments of `SAM3DConfig`, any of them, as JSON gives them.
        found: From `config_of`.

    Raises:
        WeightsError: An argument is unknown, impossible, or contradicts what was found.
    """
    try:
        config = SAM3DConfig(**{**asdict(found), **named})
    except (TypeError, UsageError) as error:
        raise WeightsError(f"config: {error}; leave it empty, it is read off the checkpoint") from error
    readable = {field.name for field in fields(SAM3DConfig)}.difference(UNREADABLE)
    if config.window_sizes == found.window_sizes:  # a window as large as the grid may be said in two ways
        readable -= {"window_size", "global_blocks"}
    differing = [
        f"{name} is {getattr(config, name)!r} but the tensors say {getattr(found, name)!r}"
        for name in sorted(readable)
        if getattr(config, name) != getattr(found, name)
    ]
    if differing:
        raise WeightsError(
            f"config: {', '.join(differing)}; leave it empty, or put the description beside its own weights"
        )
    return config


def _read_off(tensors: Mapping[str, Tensor]) -> SAM3DConfig:
    shapes = {name: tuple(tensors[name].shape) for name in _AXES}
    grid, embed_dim = shapes["image_encoder.pos_embed"][-2:]
    token_size = shapes["image_encoder.patch_embed.proj.weight"][-1]
    depth = _count(tensors, "image_encoder.blocks")
    windows = _window_sizes(tensors, depth)
    global_blocks = tuple(index for index, size in windows.items() if size == grid)
    window_sizes = {size for size in windows.values() if size != grid}
    if len(window_sizes) > 1:
        raise UsageError(f"windows of {sorted(window_sizes)} tokens; expected one size")
    return SAM3DConfig(
        patch_size=grid * token_size,
        token_size=token_size,
        embed_dim=embed_dim,
        depth=depth,
        num_heads=embed_dim // shapes["image_encoder.blocks.0.attn.rel_pos_d"][1],
        mlp_ratio=shapes["image_encoder.blocks.0.mlp.lin1.weight"][0] // embed_dim,
        # Where all blocks are global it does not matter.
        window_size=window_sizes.pop() if window_sizes else SAM3DConfig.window_size,
        global_blocks=global_blocks,
        out_channels=shapes["image_encoder.neck.0.weight"][0],
        mask_channels=shapes["prompt_encoder.mask_downscaling.3.weight"][0],
        point_embeddings=_count(tensors, "prompt_encoder.point_embeddings"),
        decoder_depth=_count(tensors, "mask_decoder.transformer.layers"),
        decoder_mlp_dim=shapes["mask_decoder.transformer.layers.0.mlp.lin1.weight"][0],
        mask_tokens=shapes["mask_decoder.mask_tokens.weight"][0],
        iou_head_dim=shapes["mask_decoder.iou_prediction_head.layers.0.weight"][0],
    )


def _count(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many numbered parts a module has; a gap among them is noticed when they are loaded."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return len({match[1] for match in map(pattern.match, tensors) if match})


def _window_sizes(tensors: Mapping[str, Tensor], depth: int) -> dict[int, int]:
    """Return the tokens along each side of each block's window: its tables have 2n - 1 rows."""
    names = {index: f"image_encoder.blocks.{index}.attn.rel_pos_d" for index in range(depth)}
    return {index: (len(tensors[name]) + 1) // 2 for index, name in names.items() if name in tensors}


def _origin(tensors: Mapping[str, Tensor]) -> str:
    """Return what a file with these tensors may be, and the remedy."""
    embedding = tensors.get("image_encoder.patch_embed.proj.weight")
    if all(name.startswith("module.") for name in tensors):
        return 'its names begin with "module."; save model.module.state_dict() instead'
    if embedding is not None and embedding.ndim == 4:
        return "weights of a 2D network, as SAM and MedSAM; choose those of SegAnyPET or SAM-Med3D"
    return ANOTHER
