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


def write_tiny_weights(folder: Path) -> Path:
    """Write tiny.safetensors and tiny.json to a folder; return the former's path."""
    torch.manual_seed(0)
    description = ModelDescription(
        name="tiny",
        architecture="compact",
        config=_CONFIG,
        spacing_mm=4.0,
        normalisation="log1p",
        prompt_policy="all",
        licence="none",
    )
    path = folder / "tiny.safetensors"
    save_weights(build_network("compact", _CONFIG), description, path)
    return path
