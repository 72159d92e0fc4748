"""Random weights of a very small network, in a file as `load_model` wants it."""

from __future__ import annotations

from pathlib import Path

import torch

from seganypet.models.model import ModelDescription
from seganypet.models.presets import build_network
from seganypet.models.weights import save_weights

_CONFIG = {
    "patch_size": 16,
    "channels": [4, 8, 12],
    "encoder_blocks": [1, 1, 1],
    "transformer_blocks": 1,
    "decoder_blocks": 1,
    "num_heads": 2,
}


def write_tiny_weights(folder: Path, *, boxes: bool = False) -> Path:
    """Write tiny.safetensors and tiny.json to a folder; return the former's path.

    With boxes they say that they learned boxes, and boxes move their masks.
    """
    torch.manual_seed(0)
    config = {**_CONFIG, "boxes": True} if boxes else _CONFIG
    description = ModelDescription(
        name="tiny",
        architecture="compact",
        config=config,
        spacing_mm=4.0,
        normalisation="log1p",
        prompt_policy="all",
        licence="none",
        boxes=boxes,
    )
    path = folder / "tiny.safetensors"
    network = build_network("compact", config)
    if boxes:
        torch.nn.init.normal_(network.get_parameter("mask_decoder.box_stem.weight"))
    save_weights(network, description, path)
    return path
