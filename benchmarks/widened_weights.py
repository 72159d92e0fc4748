"""Weights of a compact network brought to the recipe's network, to be trained further.

    git show 31822f9:src/seganypet/weights/default.safetensors > first/default.safetensors
    git show 31822f9:src/seganypet/weights/default.json > first/default.json
    python benchmarks/widened_weights.py first/default.safetensors -o first/widened.safetensors

Of a larger patch's position table the middle is kept; what the weights did not know (boxes, maps of connection, the
surroundings) gets parameters that change nothing yet.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.weights import load_network, save_weights
from seganypet.training.recipes import compact

_POSITION, _STEM = "image_encoder.position", "mask_decoder.prompt_stem.weight"


def widened(known: dict[str, Tensor], network: CompactSegmenter) -> dict[str, Tensor]:
    """Return the tensors of a network, as far as they are known from another one of the same channels."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        if name not in known:
            tensors[name] = tensor
        elif name == _POSITION:
            tensors[name] = middle(known[name], tensor.shape[1])
        elif name == _STEM:
            tensors[name] = torch.zeros_like(tensor)
            tensors[name][:, : known[name].shape[1]] = known[name]
        else:
            tensors[name] = known[name]
    return tensors


def middle(table: Tensor, count: int) -> Tensor:
    """Return the middle of a position table [1, L³, C] as one of `count` tokens."""
    given, wanted = (round(n ** (1 / 3)) for n in (table.shape[1], count))
    first = (given - wanted) // 2
    part = slice(first, first + wanted)
    return table.reshape(given, given, given, -1)[part, part, part].reshape(1, count, -1)


def main() -> None:
    """Write the widened weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="of the compact network, .safetensors")
    parser.add_argument("--alone", action="store_true", help="for a network that sees windows alone")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".safetensors")
    arguments = parser.parse_args()
    known, description = load_network(arguments.weights)
    recipe = compact().model
    config = replace(CompactConfig(**recipe.config), surroundings=not arguments.alone)
    torch.manual_seed(0)  # of the parameters that are new
    network = CompactSegmenter(config)
    network.load_state_dict(widened(known.state_dict(), network))
    description = replace(
        description,
        config={**recipe.config, "surroundings": config.surroundings},
        scales=recipe.scales,
        local=recipe.local,
        sha256="",
    )
    save_weights(network, description, arguments.output)


if __name__ == "__main__":
    main()
