"""Random weights of a small network of the papers, in a file as the authors' training writes it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from seganypet.models.sam3d import SAM3DConfig, SegAny3D

# Windows larger than the grid of 8 tokens, as published; two blocks attend globally.
SMALL = SAM3DConfig(
    patch_size=32,
    token_size=4,
    embed_dim=24,
    depth=4,
    num_heads=2,
    mlp_ratio=2,
    window_size=14,
    global_blocks=(1, 3),
    out_channels=48,
    mask_channels=8,
    decoder_mlp_dim=40,
    mask_tokens=3,
    iou_head_dim=20,
)


def random_network(config: SAM3DConfig = SMALL, seed: int = 0) -> SegAny3D:
    """Return a network in which no parameter is zero, so that all of them show in the output."""
    torch.manual_seed(seed)
    network = SegAny3D(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def training_state(network: SegAny3D) -> dict[str, Any]:
    """Return what the authors' training keeps: the network under `model_state_dict`, and all the rest."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.0)  # steps without moving
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [120, 180], gamma=0.1)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.zero_grad()
    return {
        "epoch": 7,
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "lr_scheduler_state_dict": scheduler.state_dict(),
        "losses": [0.5, 0.4],
        "dices": [0.6, 0.7],
        "best_loss": float("inf"),
        "best_dice": 0.7,
        "args": argparse.Namespace(
            task_name="union_train", gpu_ids=[0, 1], lr=8e-4, resume=False, device=torch.device("cpu")
        ),
        "used_datas": ["liver/pet"],
    }


def write_papers_checkpoint(path: Path, network: SegAny3D | None = None) -> Path:
    """Write a checkpoint in the authors' format; return its path."""
    torch.save(training_state(network or random_network()), path)
    return path
