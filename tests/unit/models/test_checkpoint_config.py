"""The configuration is read off the tensors: of every published shape, and of none that contradicts itself."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from papers_checkpoint import SMALL, random_network
from seganypet.errors import WeightsError
from seganypet.models.checkpoint_config import completed_config, config_of
from seganypet.models.filling import fill, require_fit, unfilled
from seganypet.models.sam3d import SAM3DConfig, SegAny3D

FILE = Path("sam.pth")
BLOCK_2 = "image_encoder.blocks.2.attn.rel_pos_d"


def tensors_of(config: SAM3DConfig | None = None) -> dict[str, torch.Tensor]:
    """Return a network's tensors without memory behind them."""
    with torch.device("meta"):
        return dict(SegAny3D(config).state_dict())


def test_published_list_of_tensors_gives_the_published_configuration(shared_data):
    path = shared_data.parent / "reference" / "sam_med3d_state_dict.txt"
    if not path.is_file():
        pytest.skip(f"list of the published tensors not found at {path}; set SEGANYPET_SHARED_DATA")
    lines = [line.split("\t") for line in path.read_text().splitlines() if not line.startswith("#")]
    shapes = {name: [int(n) for n in shape.strip("(,)").split(",")] for name, shape, _ in lines}
    assert len(shapes) == 324
    config = config_of({n: torch.empty(shape, device="meta") for n, shape in shapes.items()}, FILE)
    assert config == SAM3DConfig()
    with unfilled():
        network = SegAny3D(config)
    tensors = {name: torch.zeros(shape) for name, shape in shapes.items()}  # 400 MB, once
    fill(network, tensors, FILE)
    assert tensors == {}
    assert sum(p.numel() for p in network.parameters()) == 100_509_232
    assert all((t == 0).all() and t.dtype == torch.float32 for t in network.state_dict().values())


@pytest.mark.parametrize(
    "config",
    [
        SAM3DConfig(),
        SAM3DConfig(depth=16, global_blocks=(3, 7, 11, 15)),  # P1's text
        SAM3DConfig(point_embeddings=4),  # with box corners
        SMALL,
        replace(SMALL, global_blocks=()),
        replace(SMALL, global_blocks=(0, 1, 2, 3)),
        replace(SMALL, window_size=3, decoder_depth=1, mask_tokens=1),
        replace(SMALL, patch_size=64, token_size=16, num_heads=3, embed_dim=48, mlp_ratio=3),
        replace(SMALL, out_channels=96, mask_channels=12, decoder_mlp_dim=7, iou_head_dim=5, depth=5),
    ],
    ids=repr,
)
def test_configuration_comes_back(config):
    assert config_of(tensors_of(config), FILE) == config


def test_windows_as_large_as_the_grid_are_global_attention():
    config = replace(SMALL, window_size=8)
    assert config_of(tensors_of(config), FILE).window_sizes == config.window_sizes


def test_reading_needs_no_memory_for_the_tensors():
    """The tensors have none here: only names and shapes are looked at."""
    assert all(tensor.is_meta for tensor in tensors_of().values())
    assert config_of(tensors_of(), FILE).embed_dim == 768


def test_a_part_missing_in_the_middle_is_named():
    tensors = tensors_of(SMALL)
    del tensors[BLOCK_2]
    config = config_of(tensors, FILE)
    with pytest.raises(WeightsError, match=rf"sam\.pth: lacks 1 of \d+ tensors \({BLOCK_2}\)"):
        require_fit(tensors_of(config), tensors, FILE)


def refusal(tensors: dict[str, torch.Tensor]) -> str:
    with pytest.raises(WeightsError) as caught:
        config_of(tensors, FILE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refuses_another_network_and_says_what_differs():
    text = refusal({f"encoder.stages.{n}.conv.weight": torch.zeros(3) for n in range(5)})
    assert text == (
        "sam.pth: lacks 324 of 324 tensors (image_encoder.pos_embed, image_encoder.patch_embed.proj.weight, "
        "image_encoder.patch_embed.proj.bias, …) and holds 5 unknown tensors (encoder.stages.0.conv.weight, "
        "encoder.stages.1.conv.weight, encoder.stages.2.conv.weight, …); weights of another architecture? "
        "choose the original file of SegAnyPET, SAM-Med3D or your training"
    )


def test_names_that_would_break_the_line_are_quoted():
    assert r"holds 1 unknown tensors ('a\nb')" in refusal({"a\nb": torch.zeros(3)})


def test_refuses_the_names_of_a_parallel_wrapper():
    text = refusal({f"module.{name}": tensor for name, tensor in tensors_of(SMALL).items()})
    assert 'names begin with "module."; save model.module.state_dict() instead' in text


def test_refuses_the_two_dimensional_sam():
    tensors = {
        "image_encoder.pos_embed": torch.zeros(1, 64, 64, 8),
        "image_encoder.patch_embed.proj.weight": torch.zeros(8, 3, 16, 16),
        "image_encoder.blocks.0.attn.rel_pos_h": torch.zeros(27, 4),
    }
    text = refusal(tensors)
    assert "lacks 321 of 324 tensors" in text
    assert text.endswith("weights of a 2D network, as SAM and MedSAM; choose those of SegAnyPET or SAM-Med3D")


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("image_encoder.pos_embed", (1, 64, 64, 24), r"has shape \(1, 64, 64, 24\), expected 5 axes"),
        ("image_encoder.blocks.0.attn.rel_pos_d", (27, 0), r"has shape \(27, 0\), expected 2 axes"),
        ("image_encoder.blocks.0.attn.rel_pos_d", (27, 99), r"no network has such tensors \(num_heads=0"),
        (BLOCK_2, (9, 12), r"no network has such tensors \(windows of \[5, 14\] tokens; expected one size"),
        ("image_encoder.neck.0.weight", (50, 24, 1, 1, 1), r"no network has such tensors \(out_channels=50"),
    ],
)
def test_refuses_shapes_of_no_possible_network(name, shape, message):
    with pytest.raises(WeightsError, match=message):
        config_of(tensors_of(SMALL) | {name: torch.empty(shape, device="meta")}, FILE)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("image_encoder.pos_embed", (1, 8, 7, 8, 24)),
        ("image_encoder.blocks.1.mlp.lin1.weight", (47, 24)),
        ("image_encoder.blocks.0.mlp.lin1.weight", (49, 24)),
        ("image_encoder.blocks.0.attn.rel_pos_h", (26, 12)),
        ("prompt_encoder.pe_layer.positional_encoding_gaussian_matrix", (3, 15)),
    ],
)
def test_shapes_that_do_not_fit_each_other_are_named(name, shape):
    tensors = tensors_of(SMALL) | {name: torch.empty(shape, device="meta")}
    with pytest.raises(WeightsError, match=rf"another shape for 1 tensors \({name} .*instead of"):
        require_fit(tensors_of(config_of(tensors, FILE)), tensors, FILE)


def test_a_description_may_add_what_shapes_do_not_tell():
    named = {"corrected": True, "decoder_heads": 4, "depth": 4, "global_blocks": [1, 3]}
    assert completed_config(named, SMALL) == replace(SMALL, corrected=True, decoder_heads=4)
    assert completed_config({}, SMALL) == SMALL
    assert completed_config(asdict(SMALL), SMALL) == SMALL


def test_a_window_as_large_as_the_grid_may_be_said_in_two_ways():
    named = {"window_size": 8, "global_blocks": []}
    found = replace(SMALL, global_blocks=(0, 1, 2, 3))
    assert completed_config(named, found).window_sizes == found.window_sizes


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"depth": 16, "embed_dim": 24}, "config: depth is 16 but the tensors say 4; leave it empty"),
        ({"window_size": 8}, "window_size is 8 but the tensors say 14"),
        ({"global_blocks": [2]}, r"global_blocks is \(2,\) but the tensors say \(1, 3\)"),
        ({"colour": "red"}, "config: .*colour"),
        ({"embed_dim": "24"}, "config: "),
        ({"decoder_heads": 5}, "config: out_channels=48; use a multiple of 10"),
    ],
)
def test_refuses_a_description_that_contradicts_the_tensors(named, message):
    with pytest.raises(WeightsError, match=message):
        completed_config(named, SMALL)


def test_filling_copies_and_turns_every_real_number_into_float32():
    network = random_network()
    read = {name: tensor.double() for name, tensor in network.state_dict().items()}
    turned = "mask_decoder.iou_token.weight"
    read[turned] = torch.arange(48).reshape(1, 48)
    strided = "image_encoder.neck.2.weight"
    read[strided] = read[strided].float().to(memory_format=torch.channels_last_3d)
    given = dict(read)
    with unfilled():
        filled = SegAny3D(SMALL)
    fill(filled, given, FILE)
    for name, tensor in filled.state_dict().items():
        assert tensor.dtype == torch.float32
        assert tensor.is_contiguous()
        assert tensor.data_ptr() != read[name].data_ptr()
        assert tensor.untyped_storage().nbytes() == 4 * tensor.numel()
        expected = read[turned] if name == turned else network.state_dict()[name]
        assert torch.equal(tensor, expected.float()), name
    assert all(parameter.requires_grad for parameter in filled.parameters())


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), 1e300])
def test_refuses_tensors_that_are_not_finite_in_float32(value):
    given = dict(random_network().state_dict())
    given["mask_decoder.iou_token.weight"] = torch.full((1, 48), value, dtype=torch.float64)
    with torch.device("meta"):
        network = SegAny3D(SMALL)
    with pytest.raises(
        WeightsError, match=r"NaN or infinity in 1 tensors \(mask_decoder\.iou_token\.weight\)"
    ):
        fill(network, given, FILE)


def test_no_random_weights_are_drawn_for_a_network_to_be_filled():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with unfilled():
        torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Embedding(2, 3), torch.nn.Conv3d(1, 2, 3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.nn.Linear(3, 3)
    assert not torch.equal(torch.get_rng_state(), before)
