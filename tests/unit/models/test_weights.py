"""Weight files: what goes in comes out in 16 bits; everything else is refused and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from papers_checkpoint import SMALL, random_network, write_papers_checkpoint
from seganypet.errors import OutputError, SegAnyPETWarning, UsageError, WeightsError
from seganypet.models import weights
from seganypet.models.checkpoint import save_checkpoint
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.filling import unfilled
from seganypet.models.model import ModelDescription
from seganypet.models.presets import PRESETS, build_preset
from seganypet.models.weights import (
    describe_weights,
    load_model,
    read_description,
    save_weights,
    sha256_of,
    weights_path,
)

CONFIG = CompactConfig(
    patch_size=16,
    channels=(4, 8, 12),
    encoder_blocks=(1, 1, 1),
    transformer_blocks=1,
    decoder_blocks=1,
    num_heads=2,
)
DESCRIPTION = ModelDescription(
    name="tiny",
    architecture="compact",
    config=asdict(CONFIG),
    spacing_mm=4.0,
    normalisation="log1p",
    prompt_policy="all",
    licence="Apache-2.0",
    training_data=[{"name": "phantom", "citation": "Vallières M. et al. 2015"}],
    training={"steps": 3},
    metrics={"dice": 0.5},
    date="2026-01-02",
)


def network(seed: int = 0) -> CompactSegmenter:
    torch.manual_seed(seed)
    return CompactSegmenter(CONFIG)


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(network(), DESCRIPTION, path)
    return path


def describe(path: Path, **changes) -> None:
    """Change the description beside a weight file."""
    sidecar = path.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | changes))


def as_json(description: ModelDescription) -> str:
    """Return a description in a form that does not tell lists from tuples."""
    return json.dumps(asdict(description))


def test_weights_come_back_rounded_to_sixteen_bits(saved):
    model = load_model(saved, device="cpu", precision="float32")
    for name, parameter in network().named_parameters():
        loaded = model.network.get_parameter(name)
        assert loaded.dtype == torch.float32
        assert torch.equal(loaded, parameter.half().float()), name
        assert not loaded.requires_grad
    assert {t.dtype for t in load_file(saved).values()} == {torch.float16}
    assert model.description.name == "tiny"
    assert model.patch_size == 16


def test_loaded_model_predicts_as_the_saved_network(saved):
    patch = torch.rand(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(1))
    coords, labels = torch.tensor([[[8.0, 8, 8]]]), torch.tensor([[1]])
    original = network().requires_grad_(False)
    model = load_model(str(saved), device="cpu", precision="float32")
    torch.testing.assert_close(
        model.decode(model.encode(patch), coords, labels),
        original.decode(original.encode(patch), coords, labels),
        rtol=0.01,
        atol=0.01,
    )


def test_description_comes_back_with_the_files_hash(saved):
    complete = save_weights(network(), DESCRIPTION, saved)
    assert complete == replace(DESCRIPTION, sha256=sha256_of(saved))
    back = read_description(saved)
    assert as_json(back) == as_json(complete)
    assert back.passes == complete.passes  # a tuple again


def test_equal_weights_give_equal_bytes(saved):
    content = saved.read_bytes()
    for _ in range(8):
        save_weights(network(), DESCRIPTION, saved)
        assert saved.read_bytes() == content
    code = (
        "import sys\n"
        "from seganypet.models.weights import *\n"
        "model = load_model(sys.argv[1], device='cpu', precision='float32')\n"
        "save_weights(model, model.description, sys.argv[1])"
    )
    env = os.environ | {"PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", code, str(saved)], env=env, check=True)
    assert saved.read_bytes() == content


def test_a_loaded_model_is_saved_as_its_network_is(saved, tmp_path):
    model = load_model(saved, device="cpu", precision="float32")
    save_weights(model, model.description, tmp_path / "again.safetensors")
    first, again = load_file(saved), load_file(tmp_path / "again.safetensors")
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_description_is_read_as_utf8_in_any_locale(saved):
    code = f"from seganypet.models.weights import *; print(ascii(describe_weights({str(saved)!r}).description.name))"
    sidecar = saved.with_suffix(".json")
    fields = json.loads(sidecar.read_text()) | {"name": "Å"}
    sidecar.write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8")
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == r"'\xc5'"


def test_description_needs_no_optional_field(saved):
    required = ("name", "architecture", "config", "spacing_mm", "normalisation", "prompt_policy")
    content = {key: asdict(DESCRIPTION)[key] for key in required}
    saved.with_suffix(".json").write_text(json.dumps(content))
    description = read_description(saved)
    assert description.intended_use.startswith("Research use only")
    assert description.licence == "unknown"


def test_saving_leaves_two_files_that_others_may_read(saved):
    assert sorted(p.name for p in saved.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        assert saved.stat().st_mode & 0o777 == 0o666 & ~mask


def test_network_in_channels_last_order_is_saved_too(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_weights(network().to(memory_format=torch.channels_last_3d), DESCRIPTION, path)
    model = load_model(path, device="cpu")
    assert torch.equal(
        model.network.image_encoder.stem.weight, network().image_encoder.stem.weight.half().float()
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 70_000.0])
def test_refuses_to_save_weights_that_are_no_sixteen_bit_numbers(tmp_path, value):
    diverged = network()
    with torch.no_grad():
        diverged.mask_decoder.head.bias[0] = value
    with pytest.raises(
        WeightsError, match=r"mask_decoder\.head\.bias holds values that are no 16-bit numbers"
    ):
        save_weights(diverged, DESCRIPTION, tmp_path / "tiny.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_save_under_another_suffix_or_in_a_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"tiny\.pth: weights are written as \.safetensors"):
        save_weights(network(), DESCRIPTION, tmp_path / "tiny.pth")
    with pytest.raises(OutputError, match=r"cannot be written \(No such file"):
        save_weights(network(), DESCRIPTION, tmp_path / "missing" / "tiny.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_files(saved, monkeypatch):
    before = {p: p.read_bytes() for p in saved.parent.iterdir()}

    def full_disk(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OutputError, match="No space left on device"):
        save_weights(network(1), DESCRIPTION, saved)
    assert {p: p.read_bytes() for p in saved.parent.iterdir()} == before


def test_kill_between_weights_and_description_is_noticed(saved):
    description = saved.with_suffix(".json").read_text()
    save_weights(network(1), DESCRIPTION, saved)
    saved.with_suffix(".json").write_text(description)
    with pytest.raises(WeightsError, match="differs from its description's sha256"):
        load_model(saved)


def test_refuses_a_missing_description(saved):
    saved.with_suffix(".json").unlink()
    with pytest.raises(
        WeightsError, match=r"its description tiny\.json is missing; keep both files together"
    ):
        load_model(saved)


@pytest.mark.parametrize("content", [b"", b"{", b'{"name": ', b"\xff\xfe\x00", b"[" * 100_000])
def test_refuses_a_description_that_is_no_json(saved, content):
    saved.with_suffix(".json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"tiny\.json: cannot be read as JSON"):
        load_model(saved)


def test_refuses_a_description_nested_deeper_than_can_be_copied(saved):
    nested = "[" * 500 + "]" * 500
    saved.with_suffix(".json").write_text(f'{{"metrics": {{"a": {nested}}}}}')
    with pytest.raises(WeightsError, match=r"tiny\.json: is nested more than 20 deep"):
        load_model(saved)


@pytest.mark.parametrize("content", ["[]", '"tiny"', "null", "3"])
def test_refuses_json_that_is_no_description(saved, content):
    saved.with_suffix(".json").write_text(content)
    with pytest.raises(WeightsError, match=r"tiny\.json: holds no description"):
        load_model(saved)


def test_refuses_unknown_fields(saved):
    describe(saved, flavour="sweet")
    with pytest.raises(
        WeightsError, match=r"unknown fields \['flavour'\]; known are .*spacing_mm.*newer version\?"
    ):
        load_model(saved)


def test_refuses_missing_fields(saved):
    sidecar = saved.with_suffix(".json")
    content = json.loads(sidecar.read_text())
    del content["spacing_mm"]
    sidecar.write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"tiny\.json: .*missing.*'spacing_mm'"):
        load_model(saved)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_refuses_a_truncated_file(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"tiny\.safetensors: differs .* the file is truncated"):
        load_model(saved)
    describe(saved, sha256="")  # nor where no hash is known
    with pytest.raises(WeightsError, match=r"tiny\.safetensors: no readable safetensors file"):
        load_model(saved)


def test_refuses_a_file_with_one_changed_byte(saved):
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    with pytest.raises(WeightsError, match="another one"):
        load_model(saved)


def replace_tensors(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, path)
    describe(path, sha256="")


def test_refuses_foreign_tensors(saved):
    replace_tensors(saved, {"backbone.weight": torch.zeros(3)})
    with pytest.raises(
        WeightsError,
        match=r"lacks \d+ of \d+ tensors \(image_encoder.* and holds 1 unknown tensors \(backbone\.weight\); ",
    ):
        load_model(saved)


@pytest.mark.parametrize("read", [load_model, describe_weights])
def test_refuses_missing_tensors(saved, read):
    tensors = load_file(saved)
    del tensors["mask_decoder.head.bias"]
    replace_tensors(saved, tensors)
    with pytest.raises(WeightsError, match=r"lacks 1 of \d+ tensors \(mask_decoder\.head\.bias\); "):
        read(saved)


def test_refuses_extra_tensors(saved):
    replace_tensors(saved, load_file(saved) | {"extra.weight": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"tiny\.safetensors: holds 1 unknown tensors \(extra\.weight\); "):
        load_model(saved)


def test_refuses_tensors_of_another_shape(saved):
    replace_tensors(saved, load_file(saved) | {"mask_decoder.head.bias": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"has another shape for 1 tensors \(mask_decoder\.head\.bias"):
        load_model(saved)


def test_refuses_tensors_that_are_not_finite(saved):
    replace_tensors(saved, load_file(saved) | {"mask_decoder.head.bias": torch.full((8,), float("nan"))})
    with pytest.raises(WeightsError, match=r"holds NaN or infinity in 1 tensors \(mask_decoder\.head\.bias"):
        load_model(saved)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spacing_mm", "a"),
        ("spacing_mm", 0),
        ("normalisation", "minmax"),
        ("prompt_policy", "oldest"),
        ("bfloat16", "false"),
        ("boxes", 1),
        ("spacing_mm", True),
        ("name", 3),
        ("licence", None),
        ("orientation", "RRS"),
        ("orientation", "RASS"),
        ("orientation", "ras"),
        ("orientation", 7),
    ],
)
def test_refuses_a_description_of_impossible_values(saved, field, value):
    describe(saved, **{field: value})
    with pytest.raises(WeightsError, match=rf"tiny\.json: {field} is {value!r}; expected"):
        load_model(saved)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics", [1]),
        ("metrics", None),
        ("training", "long"),
        ("training_data", 3),
        ("training_data", ["a"]),
    ],
)
def test_refuses_a_description_of_another_form(saved, field, value):
    describe(saved, **{field: value})
    with pytest.raises(WeightsError, match=rf"tiny\.json: {field} is .*; expected .*in braces"):
        load_model(saved)


@pytest.mark.parametrize("scales", [[0.5, 2.0], [1.0, 0.0], [1.0, "2"]])
def test_refuses_impossible_scales(saved, scales):
    describe(saved, scales=scales)
    with pytest.raises(WeightsError, match=r"tiny\.json: scales is .* 1 among them"):
        load_model(saved)


@pytest.mark.parametrize("passes", [[0, 1], [1], [1, 99], [1.5, 1]])
def test_refuses_impossible_passes(saved, passes):
    describe(saved, passes=passes)
    with pytest.raises(WeightsError, match=r"tiny\.json: passes is .* expected two numbers from 1 to 10"):
        load_model(saved)


def test_refuses_an_unknown_architecture(saved):
    describe(saved, architecture="unet")
    with pytest.raises(WeightsError, match='architecture "unet" is unknown'):
        load_model(saved)


@pytest.mark.parametrize("config", [{"channels": [4, 8, 13]}, {"bogus": 1}, None, [1]])
def test_refuses_a_bad_configuration(saved, config):
    describe(saved, config=config)
    with pytest.raises(WeightsError, match='configuration of architecture "compact"'):
        load_model(saved)


def test_refuses_a_configuration_of_other_sizes(saved):
    describe(saved, config=asdict(CONFIG) | {"channels": [4, 8, 16]})
    with pytest.raises(WeightsError, match="has another shape for"):
        load_model(saved)


@pytest.mark.parametrize("channels", [10**7, 10**30])
def test_refuses_a_configuration_of_absurd_sizes(saved, channels):
    describe(saved, config=asdict(CONFIG) | {"channels": [channels, 8, 12]})
    with pytest.raises(
        WeightsError, match=r"tiny\.\w+: (has another shape|configuration of arch.*)"
    ) as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["lesions", "", "no/such/folder"])
def test_refuses_an_unknown_name(name):
    with pytest.raises(WeightsError, match=f'no weights named "{name}"; shipped are: '):
        load_model(name)


def test_refuses_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.safetensors: no such weight file"):
        load_model(tmp_path / "gone.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(WeightsError, match=r"folder\.safetensors: is a folder; give the weight file in it"):
        load_model(tmp_path / "folder.safetensors")


def test_loaded_tensors_are_the_networks_own_and_complete(saved):
    """The network is built without memory; what is loaded may not stay a view of the file."""
    for name, tensor in load_model(saved, device="cpu", precision="float32").network.state_dict().items():
        assert tensor.untyped_storage().nbytes() == 4 * tensor.numel(), name
    saved.write_bytes(b"")


@pytest.mark.parametrize("preset", PRESETS)
def test_networks_to_be_filled_take_no_memory_and_draw_nothing(preset):
    state = torch.get_rng_state()
    with unfilled():
        built = build_preset(preset)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(tensor.is_meta for tensor in built.state_dict().values())
    assert {n for n, _ in (*built.named_parameters(), *built.named_buffers())} == built.state_dict().keys()


@pytest.mark.parametrize("preset", PRESETS)
def test_loading_leaves_the_random_numbers_as_they_were(preset, tmp_path):
    save_weights(build_preset(preset), PRESETS[preset], tmp_path / "full.safetensors")
    state = torch.get_rng_state()
    load_model(tmp_path / "full.safetensors", device="cpu", precision="float32")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    return write_papers_checkpoint(tmp_path / "sam.pth")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt", ".bin", ".safetensors", ""])
def test_checkpoints_of_the_authors_load_under_any_name(checkpoint, suffix):
    path = checkpoint.rename(checkpoint.with_suffix(suffix))
    model = load_model(path, device="cpu")
    expected = random_network()
    assert model.network.config == expected.config
    for name, tensor in expected.state_dict().items():
        assert torch.equal(model.network.state_dict()[name], tensor), name


def test_checkpoint_computes_what_the_network_did(checkpoint):
    original, model = random_network().requires_grad_(False), load_model(checkpoint, device="cpu")
    patch = torch.rand(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    coords, labels = torch.tensor([[[16.0, 9, 20]]]), torch.tensor([[1]])
    torch.testing.assert_close(
        model.decode(model.encode(patch), coords, labels),
        original.decode(original.encode(patch), coords, labels),
    )


def test_checkpoint_is_described_as_the_authors_use_it(checkpoint):
    model = load_model(checkpoint, device="cpu")
    assert model.description == replace(
        PRESETS["papers"],
        name="sam",
        config=asdict(SMALL),
        assumed=describe_weights(checkpoint).description.assumed,
    )
    assert model.description.licence == "unknown"
    assert model.precision == "float32"


def test_description_beside_a_checkpoint_overrides_what_it_names(checkpoint):
    fields = {"name": "mine", "spacing_mm": 2.0, "orientation": "LPS", "config": {"decoder_heads": 4}}
    checkpoint.with_suffix(".json").write_text(json.dumps(fields))
    model = load_model(checkpoint, device="cpu")
    assert model.network.config == replace(SMALL, decoder_heads=4)
    assert (model.description.name, model.description.spacing_mm) == ("mine", 2.0)
    assert model.description.orientation == "LPS"
    assert model.description.normalisation == "zscore_positive"
    assert model.description.config == asdict(model.network.config)


@pytest.mark.parametrize(
    ("config", "assumed"),
    [({}, ("decoder_heads", "corrected")), (None, ("decoder_heads", "corrected")), (asdict(SMALL), ())],
)
def test_whole_description_beside_a_checkpoint_is_read(checkpoint, config, assumed):
    described = replace(PRESETS["papers"], name="mine", sha256=sha256_of(checkpoint), date="2026-01-02")
    checkpoint.with_suffix(".json").write_text(json.dumps(asdict(described) | {"config": config}))
    read = load_model(checkpoint, device="cpu").description
    assert read.sha256
    assert as_json(read) == as_json(replace(described, config=asdict(SMALL), assumed=assumed))


def test_what_a_description_beside_a_checkpoint_calls_assumed_stays_so(checkpoint):
    content = asdict(replace(PRESETS["papers"], name="mine", config=asdict(SMALL), assumed=("orientation",)))
    checkpoint.with_suffix(".json").write_text(json.dumps(content))
    assert load_model(checkpoint, device="cpu").description.assumed == ("orientation",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"config": {"depth": 16}}, r"sam\.json: config: depth is 16 but the tensors say 4"),
        ({"config": [1]}, r"sam\.json: config: .*mapping"),
        ({"architecture": "compact"}, r'sam\.json: architecture is "compact", but sam\.pth holds "sam3d"'),
        ({"spacing_mm": -1}, r"sam\.json: spacing_mm is -1"),
        ({"losses": [1]}, r"sam\.json: unknown fields \['losses'\]"),
        ({"sha256": "0"}, r"sam\.pth: differs from its description's sha256"),
    ],
)
def test_refuses_a_description_of_another_checkpoint(checkpoint, changes, message):
    checkpoint.with_suffix(".json").write_text(json.dumps(changes))
    with pytest.raises(WeightsError, match=message):
        load_model(checkpoint, device="cpu")


def test_checkpoint_is_hashed_only_on_request(checkpoint, monkeypatch):
    monkeypatch.setattr(weights, "sha256_of", lambda path: pytest.fail("1.5 GB take seconds"))
    load_model(checkpoint, device="cpu")


def test_checkpoints_load_in_many_threads(checkpoint):
    with ThreadPoolExecutor(4) as threads:
        loaded = threads.map(lambda _: load_model(checkpoint, device="cpu").network.config, range(16))
    assert set(loaded) == {SMALL}


def test_checkpoint_is_converted_to_sixteen_bits(checkpoint):
    model = load_model(checkpoint, device="cpu")
    small = checkpoint.with_name("small.safetensors")
    save_weights(model.network, model.description, small)
    assert {t.dtype for t in load_file(small).values()} == {torch.float16}
    converted = load_model(small, device="cpu")
    assert converted.network.config == model.network.config
    assert as_json(converted.description) == as_json(replace(model.description, sha256=sha256_of(small)))
    for name, tensor in model.network.state_dict().items():
        assert torch.equal(converted.network.state_dict()[name], tensor.half().float()), name


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".ckpt"])
def test_refuses_to_describe_a_checkpoint_by_the_way(checkpoint, suffix):
    """Its own description would be lost, or the new one would be taken for it."""
    checkpoint = checkpoint.rename(checkpoint.with_suffix(suffix))
    checkpoint.with_suffix(".json").write_text('{"spacing_mm": 2.0}')
    with pytest.raises(
        OutputError,
        match=rf"sam\.safetensors: sam\.json .* would describe sam\{suffix} too; choose another name",
    ):
        save_weights(network(), DESCRIPTION, checkpoint.with_suffix(".safetensors"))
    assert checkpoint.with_suffix(".json").read_text() == '{"spacing_mm": 2.0}'
    assert not checkpoint.with_suffix(".safetensors").exists()


def test_hash_of_a_file_that_shares_the_description_is_not_the_checkpoints(checkpoint):
    model, small = load_model(checkpoint, device="cpu"), checkpoint.with_name("small.safetensors")
    save_weights(model, model.description, small)
    small = small.rename(checkpoint.with_suffix(".safetensors"))
    small.with_name("small.json").rename(checkpoint.with_suffix(".json"))
    assert load_model(checkpoint, device="cpu").description.sha256 == ""
    assert load_model(small, device="cpu").description.sha256 == sha256_of(small)
    small.write_bytes(small.read_bytes() + b" ")  # now the hash is of neither
    for path in (checkpoint, small):
        with pytest.raises(WeightsError, match=rf"{path.name}: differs .*or remove the sha256"):
            load_model(path, device="cpu")
    small.unlink()
    with pytest.raises(
        WeightsError, match=r"sam\.pth: differs .*or remove the sha256 if it is of another file"
    ):
        load_model(checkpoint, device="cpu")


def test_says_what_a_checkpoint_leaves_open(checkpoint):
    described = describe_weights(checkpoint)
    assert described == (checkpoint, load_model(checkpoint, device="cpu").description)
    assert described.description.assumed == (
        "spacing_mm",
        "orientation",
        "normalisation",
        "prompt_policy",
        "bfloat16",
        "decoder_heads",
        "corrected",
    )
    checkpoint.with_suffix(".json").write_text('{"spacing_mm": 2.0, "config": {"decoder_heads": 4}}')
    named = describe_weights(checkpoint).description.assumed
    assert set(described.description.assumed) - set(named) == {"spacing_mm", "decoder_heads"}


def test_what_was_assumed_is_still_so_after_conversion(checkpoint, tmp_path):
    model = load_model(checkpoint, device="cpu")
    save_weights(model, model.description, tmp_path / "turbo.safetensors")
    again = describe_weights(tmp_path / "turbo.safetensors").description
    assert again.assumed == model.description.assumed != ()


@pytest.mark.parametrize("listed", ["spacing_mm", [1]])
def test_refuses_what_is_no_list_of_assumed_fields(saved, listed):
    sidecar = saved.with_suffix(".json")
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | {"assumed": listed}))
    with pytest.raises(WeightsError, match=r"\.json: assumed is .*expected a list of names"):
        read_description(saved)


def test_described_weights_leave_nothing_open(saved):
    assert describe_weights(saved) == (saved, read_description(saved))
    assert describe_weights(saved).description.assumed == ()


def test_describing_copies_no_weights(checkpoint, saved, monkeypatch):
    monkeypatch.setattr(weights, "fill", lambda *_: pytest.fail("takes the memory of the network"))
    describe_weights(checkpoint)
    describe_weights(saved)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("image_encoder.neck.0.weight", (2_400_000, 1, 1, 1, 1)),
        ("image_encoder.neck.0.weight", (24 * 10**15, 1, 1, 1, 1)),
        ("image_encoder.pos_embed", (1, 1, 1, 100_000, 24)),
        ("image_encoder.blocks.0.mlp.lin1.weight", (10**12, 1)),
    ],
)
def test_refuses_absurd_sizes_before_memory_is_asked_for(checkpoint, monkeypatch, name, shape):
    tensors = random_network().state_dict()
    read = {n: t.to("meta") for n, t in tensors.items()} | {name: torch.empty(shape, device="meta")}
    monkeypatch.setattr(weights, "read_checkpoint", lambda path: read)
    with pytest.raises(WeightsError, match=r"sam\.pth: (has another shape|no network has such)"):
        load_model(checkpoint)


def test_saved_checkpoint_holds_what_was_loaded_bit_for_bit(checkpoint, tmp_path):
    model = load_model(checkpoint, device="cpu")
    save_checkpoint(model, tmp_path / "back.pth")
    stored, loaded = (
        torch.load(p, weights_only=False)["model_state_dict"] for p in (checkpoint, tmp_path / "back.pth")
    )
    assert list(stored) == list(loaded)
    assert all(torch.equal(stored[name], loaded[name]) for name in stored)


@pytest.mark.filterwarnings("ignore:this processor emulates bfloat16")
def test_a_model_in_sixteen_bits_is_not_saved(checkpoint, tmp_path):
    model = load_model(checkpoint, device="cpu", precision="bfloat16")
    with pytest.raises(WeightsError, match="is held in bfloat16, not float32"):
        save_checkpoint(model, tmp_path / "new.pth")
    with pytest.raises(WeightsError, match="is held in bfloat16, not float32"):
        save_weights(model.network, model.description, tmp_path / "new.safetensors")
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_refuses_a_checkpoint_of_another_network(tmp_path):
    torch.save({"model_state_dict": {"weight": torch.zeros(3)}}, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r"sam\.pth: lacks 324 of 324 tensors .*holds 1 unknown tensors"):
        load_model(tmp_path / "sam.pth")


def test_refuses_a_checkpoint_whose_shapes_do_not_fit_each_other(tmp_path):
    tensors = random_network().state_dict()
    tensors["image_encoder.pos_embed"] = torch.zeros(1, 8, 7, 8, 24)
    torch.save(tensors, tmp_path / "sam.pth")
    with pytest.raises(
        WeightsError, match=r"another shape for 1 tensors \(image_encoder\.pos_embed \(1, 8, 7"
    ):
        load_model(tmp_path / "sam.pth")


def test_refuses_to_save_weights_that_were_rounded_in_memory(tmp_path):
    with pytest.raises(WeightsError, match=r'is held in bfloat16, not float32; load .* precision="float32"'):
        save_weights(network().to(torch.bfloat16), DESCRIPTION, tmp_path / "tiny.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_warns_where_sixteen_bits_lose_more_than_rounding(tmp_path):
    tiny = network()
    with torch.no_grad():
        tiny.mask_decoder.head.bias.fill_(1e-7)
    with pytest.warns(SegAnyPETWarning, match=r"mask_decoder\.head\.bias changes by up to 19% in 16 bits"):
        save_weights(tiny, DESCRIPTION, tmp_path / "tiny.safetensors")


def test_warns_once_where_sixteen_bits_lose_more_of_several_tensors(tmp_path):
    tiny = network()
    with torch.no_grad():
        tiny.mask_decoder.head.bias.fill_(1e-8)
        tiny.mask_decoder.head.weight.fill_(1e-7)
    with pytest.warns(SegAnyPETWarning) as caught:
        save_weights(tiny, DESCRIPTION, tmp_path / "tiny.safetensors")
    assert [str(one.message).split(" in 16 bits")[0] for one in caught] == [
        "mask_decoder.head.bias and 1 more tensors change by up to 100%"
    ]


@pytest.mark.filterwarnings("error")
def test_ordinary_weights_are_halved_without_a_word(tmp_path):
    save_weights(network(), DESCRIPTION, str(tmp_path / "tiny.safetensors"))


def test_refuses_a_device_that_is_not_there(saved):
    with pytest.raises(UsageError, match='device "cuda:99" is not available here'):
        load_model(saved, device="cuda:99")


def test_refuses_an_unknown_precision(saved):
    with pytest.raises(UsageError, match='precision "float16" is unknown; choose auto, float32 or bfloat16'):
        load_model(saved, device="cpu", precision="float16")


@pytest.mark.parametrize(
    ("native", "agrees", "expected"),
    [(True, True, "bfloat16"), (False, True, "float32"), (True, False, "float32")],
)
def test_automatic_precision_is_bfloat16_where_processor_and_weights_allow_it(
    saved, monkeypatch, native, agrees, expected
):
    describe(saved, bfloat16=agrees)
    monkeypatch.setattr(weights, "computes_bfloat16", lambda device: native)
    assert load_model(saved, device="cpu").precision == expected


def test_warns_where_sixteen_bits_are_slower(saved, monkeypatch):
    monkeypatch.setattr(weights, "computes_bfloat16", lambda device: False)
    with pytest.warns(SegAnyPETWarning, match="emulates bfloat16"):
        assert load_model(saved, device="cpu", precision="bfloat16").precision == "bfloat16"


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A package folder of our own, without weights."""
    monkeypatch.setattr(weights.resources, "files", lambda name: tmp_path)
    return tmp_path


def test_shipped_weights_are_found_by_name(package):
    (package / "weights").mkdir()
    save_weights(network(), DESCRIPTION, package / "weights" / "default.safetensors")
    assert weights.shipped_weights() == ["default"]
    assert weights_path("default") == package / "weights" / "default.safetensors"
    assert load_model(device="cpu").description.name == "tiny"


def test_package_without_weights_says_so(package):
    assert weights.shipped_weights() == []
    with pytest.raises(WeightsError, match='no weights named "default"; shipped are: none; or give'):
        load_model()
