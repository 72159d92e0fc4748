"""Names and shapes of the parameters are those of the published checkpoints."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

from seganypet.models.sam3d import SAM3DConfig, SegAny3D


def _published_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            key, shape, dtype = line.split("\t")
            assert dtype == "torch.float32"
            shapes[key] = ast.literal_eval(shape)
    return shapes


@pytest.fixture(scope="module")
def published() -> SegAny3D:
    """The network of the papers, without memory behind its tensors."""
    with torch.device("meta"):
        return SegAny3D()


def _shapes(model: SegAny3D) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}


def test_keys_and_shapes_equal_the_published_list(published, shared_data):
    path = shared_data.parent / "reference" / "sam_med3d_state_dict.txt"
    if not path.is_file():
        pytest.skip(f"list of the published tensors not found at {path}; set SEGANYPET_SHARED_DATA")
    expected = _published_shapes(path)
    assert len(expected) == 324
    assert _shapes(published) == expected


def test_parameters_per_part(published):
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in published.named_children()}
    assert counts == {"image_encoder": 92_924_928, "prompt_encoder": 8_668, "mask_decoder": 7_575_636}
    assert sum(counts.values()) == 100_509_232


def test_a_few_shapes(published):
    shapes = _shapes(published)
    assert len(shapes) == 324
    assert shapes["image_encoder.pos_embed"] == (1, 8, 8, 8, 768)
    assert shapes["image_encoder.blocks.1.attn.rel_pos_d"] == (27, 64)
    assert shapes["image_encoder.blocks.2.attn.rel_pos_w"] == (15, 64)
    assert shapes["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] == (3, 128)
    assert shapes["mask_decoder.output_upscaling.3.weight"] == (96, 48, 2, 2, 2)


def test_box_corner_checkpoints_have_two_embeddings_more(published):
    with torch.device("meta"):
        with_corners = SegAny3D(SAM3DConfig(point_embeddings=4))
    more = set(_shapes(with_corners)) - set(_shapes(published))
    assert more == {f"prompt_encoder.point_embeddings.{n}.weight" for n in (2, 3)}


def test_depth_of_sixteen_blocks_can_be_built():
    config = SAM3DConfig(depth=16, global_blocks=(3, 7, 11, 15))
    with torch.device("meta"):
        shapes = _shapes(SegAny3D(config))
    assert shapes["image_encoder.blocks.15.attn.rel_pos_h"] == (15, 64)
    assert shapes["image_encoder.blocks.14.attn.rel_pos_h"] == (27, 64)


def test_published_network_maps_128_voxels_to_8_tokens(published):
    with torch.device("meta"):
        embedding = published.encode(torch.empty(2, 1, 128, 128, 128))
        logits = published.decode(embedding, None, None)
        full = published.upscale(logits)
    assert embedding.shape == (2, 384, 8, 8, 8)
    assert logits.shape == (2, 1, 32, 32, 32)
    assert full.shape == (2, 1, 128, 128, 128)
