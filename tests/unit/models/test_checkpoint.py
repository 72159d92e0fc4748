"""Checkpoints of the authors: what is read, that nothing of them runs, what is refused, what is written."""

from __future__ import annotations

import argparse
import contextlib
import copy
import pathlib
import pickle
import shlex
import subprocess
import sys
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from papers_checkpoint import SMALL, random_network, training_state, write_papers_checkpoint
from seganypet.errors import OutputError, WeightsError
from seganypet.models.checkpoint import is_checkpoint, read_checkpoint, save_checkpoint
from seganypet.models.compact import CompactConfig, CompactSegmenter
from seganypet.models.model import SegmentationModel
from seganypet.models.presets import PRESETS
from seganypet.models.sam3d import SAM3DConfig, SegAny3D
from seganypet.models.weights import describe_weights, load_model
from seganypet.training.checkpoint import write_checkpoint


@pytest.fixture
def path(tmp_path) -> Path:
    return write_papers_checkpoint(tmp_path / "sam.pth")


def same(tensors: dict[str, torch.Tensor], network: torch.nn.Module) -> bool:
    expected = network.state_dict()
    return tensors.keys() == expected.keys() and all(torch.equal(tensors[n], expected[n]) for n in expected)


def test_reads_the_network_and_leaves_the_training_state(path):
    assert same(read_checkpoint(path), random_network())


def test_reads_tensors_without_a_training_state(tmp_path):
    torch.save(random_network().state_dict(), tmp_path / "bare.pth")
    assert same(read_checkpoint(tmp_path / "bare.pth"), random_network())


def test_reads_files_of_torch_before_1_6(tmp_path):
    content = training_state(random_network())
    torch.save(content, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert is_checkpoint(tmp_path / "old.pth")
    assert same(read_checkpoint(tmp_path / "old.pth"), random_network())


def test_refuses_a_file_that_was_compressed(path):
    """Mapped into memory, its compressed bytes would pass for weights; unpacked, they may fill the memory."""
    packed = path.with_name("packed.pth")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    assert packed.stat().st_size < path.stat().st_size
    with pytest.raises(
        WeightsError, match=r"packed\.pth: is a compressed zip, .*; if it is an archive .* unpack it"
    ):
        read_checkpoint(packed)


def test_refuses_the_checkpoint_of_our_own_training_and_names_the_weights_beside_it(tmp_path):
    state = {"network": random_network().state_dict(), "step": 3, "recipe": {"name": "tiny"}}
    write_checkpoint(tmp_path / "checkpoint.pt", state)
    with pytest.raises(
        WeightsError,
        match=r"is the checkpoint of a training, for --resume; use weights\.safetensors beside it",
    ):
        describe_weights(tmp_path / "checkpoint.pt")


def test_maps_the_file_instead_of_reading_it(path, monkeypatch):
    mapped = []
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **kw: (mapped.append(kw["mmap"]), load(*a, **kw))[1])
    read_checkpoint(path)
    assert mapped == [True]


def test_formats_are_told_apart_by_content(path, tmp_path):
    save_file({"a": torch.zeros(3)}, tmp_path / "other.pth")
    assert not is_checkpoint(tmp_path / "other.pth")
    renamed = path.rename(tmp_path / "sam.safetensors")
    assert is_checkpoint(renamed)


def test_safe_classes_stay_safe_only_while_reading(path):
    read_checkpoint(path)
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


def test_what_the_user_holds_safe_stays_safe(path):
    with torch.serialization.safe_globals([argparse.Namespace]):
        read_checkpoint(path)
        assert argparse.Namespace in torch.serialization.get_safe_globals()


def test_many_threads_may_read(path):
    def same_each_time(_: int) -> bool:
        return all(same(read_checkpoint(path), expected) for _ in range(8))

    expected = random_network()
    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(same_each_time, range(4)))
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("as_zip", [True, False])
def test_reads_without_a_warning(tmp_path, as_zip):
    content = training_state(random_network())
    torch.save(content, tmp_path / "sam.pth", _use_new_zipfile_serialization=as_zip)
    read_checkpoint(tmp_path / "sam.pth")


class Mine:
    """Would create a file if it were unpickled."""

    def __init__(self, trap: Path) -> None:
        self.trap = trap

    def __reduce__(self):
        return Path.touch, (self.trap,)


@pytest.mark.parametrize("as_zip", [True, False])
def test_refuses_unsafe_objects_and_runs_nothing(tmp_path, as_zip):
    trap = tmp_path / "trap"
    content = training_state(random_network()) | {"extra": Mine(trap)}
    path = tmp_path / "evil.pth"
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    assert not trap.exists()
    text = str(caught.value)
    assert text.startswith(f"{path}: holds objects that could run code when loaded (")
    assert "\n" not in text
    assert "getattr" in text  # what pickle names to reach the method
    assert "weights_only=False" in text


def test_the_remedy_for_unsafe_objects_works(tmp_path):
    content = training_state(random_network())
    content["args"].folder = pathlib.PurePosixPath("data")
    torch.save(content, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match=r"\(pathlib\S*PurePosixPath\)") as caught:
        read_checkpoint(tmp_path / "checkpoint.pth")
    command = shlex.split(str(caught.value).partition("its weights alone: ")[2])
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    assert same(read_checkpoint(tmp_path / "weights.pth"), random_network())


def test_the_remedy_for_a_whole_pickled_network_works(tmp_path):
    network = random_network()
    torch.save(network, tmp_path / "checkpoint.pth")
    with pytest.raises(WeightsError, match="never done") as caught:
        read_checkpoint(tmp_path / "checkpoint.pth")
    command = shlex.split(str(caught.value).partition("its weights alone: ")[2])
    subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, check=True)
    assert same(read_checkpoint(tmp_path / "weights.pth"), network)


def test_the_command_of_the_remedy_holds_nothing_of_the_file(tmp_path):
    """Pasted into a shell, a name could run."""
    path = tmp_path / "a$(touch PWNED).pth"
    torch.save(training_state(random_network()) | {"path": path}, path)
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    assert "PWNED" not in str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("as_zip", [True, False])
def test_names_of_classes_cannot_break_the_line(tmp_path, as_zip):
    path = tmp_path / "sam.pth"
    torch.save({"path": tmp_path}, path, _use_new_zipfile_serialization=as_zip)
    content = path.read_bytes()
    assert b"PosixPath" in content
    path.write_bytes(content.replace(b"PosixPath", b"Po\x1b[JPath"))
    with pytest.raises(WeightsError, match=r"holds objects that could run code") as caught:
        read_checkpoint(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not weights; download"),
        (b"\n <?xml version='1.0'?><Error/>", "is a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "is a git-lfs pointer.*git lfs pull",
        ),
        (b'{"error": "not found"}', "is neither a checkpoint"),
        (b"\x00" * 100, "is neither a checkpoint"),
        (b"\x80\x02rubbish", "is truncated, or no checkpoint"),
        (b"PK\x03\x04rubbish", "is truncated, or no checkpoint"),
    ],
)
def test_refuses_what_torch_did_not_write(tmp_path, content, message):
    path = tmp_path / "sam.pth"
    path.write_bytes(content)
    assert is_checkpoint(path)
    with pytest.raises(WeightsError, match=rf"sam\.pth: {message}"):
        read_checkpoint(path)


@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.parametrize("part", [0.001, 0.1, 0.5, 0.9, 1.0])
def test_refuses_a_truncated_file(tmp_path, as_zip, part):
    path = tmp_path / "sam.pth"
    torch.save(training_state(random_network()), path, _use_new_zipfile_serialization=as_zip)
    content = path.read_bytes()
    path.write_bytes(content[: min(int(part * len(content)), len(content) - 1)])
    with pytest.raises(WeightsError, match=r"sam\.pth: is truncated"):
        read_checkpoint(path)


@pytest.mark.parametrize("damage", range(0, 4000, 137))
def test_damaged_bytes_are_refused_or_harmless(path, damage):
    """Among the names and numbers of the pickle, and in the directory of the zip behind it."""
    content = bytearray(path.read_bytes())
    content[(content.find(b"model_state_dict") + damage) if damage % 2 else -1 - damage] ^= 0x95
    path.write_bytes(content)
    with contextlib.suppress(WeightsError):
        load_model(path, device="cpu")


def test_refuses_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(WeightsError, match=r"gone\.pth: cannot be opened \(No such file"):
        is_checkpoint(tmp_path / "gone.pth")


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ({}, "a dict of nothing"),
        ({"epoch": 3, "loss": [0.5]}, "a dict of 'epoch', 'loss'"),
        ({"model_state_dict": {}}, "a dict of 'model_state_dict'"),
        ({"model_state_dict": torch.zeros(3)}, "a dict of 'model_state_dict'"),
        ([torch.zeros(3)], "list"),
        (torch.zeros(3), "Tensor"),
        (None, "NoneType"),
    ],
)
def test_refuses_a_file_without_a_networks_tensors(tmp_path, content, held):
    torch.save(content, tmp_path / "sam.pth")
    with pytest.raises(
        WeightsError, match=rf'sam\.pth: no "model_state_dict" with tensors .*it holds {held}.*SAM-Med3D'
    ):
        read_checkpoint(tmp_path / "sam.pth")


@pytest.mark.parametrize("key", ["state_dict", "model", "network_weights"])
def test_says_where_the_tensors_are_if_elsewhere(tmp_path, key):
    torch.save({"epoch": 3, key: {"a": torch.zeros(3)}}, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=rf'under "{key}" and none .* in a dict under "model_state_dict"'):
        read_checkpoint(tmp_path / "sam.pth")


def test_names_what_is_no_tensor_among_tensors(tmp_path):
    torch.save({"model_state_dict": {"a": torch.zeros(3), "steps": 3}}, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r'sam\.pth: steps in "model_state_dict" is no tensor but 3; save'):
        read_checkpoint(tmp_path / "sam.pth")


def test_a_plain_pickle_is_refused_without_torchs_own_warning(tmp_path):
    (tmp_path / "sam.pth").write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(WeightsError, match=r"sam\.pth: is neither a checkpoint"):
            read_checkpoint(tmp_path / "sam.pth")


@pytest.mark.parametrize(
    "odd",
    [
        torch.zeros(3, dtype=torch.complex64),
        torch.eye(3).to_sparse(),
        torch.zeros(1).expand(10_000),
        torch.empty(3, device="meta"),
    ],
    ids=["complex", "sparse", "expanded", "meta"],
)
def test_refuses_tensors_that_are_no_plain_numbers(tmp_path, odd):
    torch.save({"model_state_dict": {"good": torch.zeros(3), "odd": odd}}, tmp_path / "sam.pth")
    with pytest.raises(WeightsError, match=r"sam\.pth: odd is no dense tensor of real numbers"):
        read_checkpoint(tmp_path / "sam.pth")


def test_what_is_saved_is_read_back_bit_for_bit(tmp_path):
    network = random_network().to(memory_format=torch.channels_last_3d)
    save_checkpoint(network, tmp_path / "new.pth")
    content = torch.load(tmp_path / "new.pth", weights_only=True)
    assert list(content) == ["model_state_dict"]
    assert same(content["model_state_dict"], random_network())
    assert all(t.dtype == torch.float32 and t.is_contiguous() for t in content["model_state_dict"].values())
    assert [p.name for p in tmp_path.iterdir()] == ["new.pth"]


def test_a_loaded_model_is_saved_as_well(tmp_path):
    model = SegmentationModel(random_network(), PRESETS["papers"], device=torch.device("cpu"))
    save_checkpoint(model, str(tmp_path / "new.pth"))
    assert same(read_checkpoint(tmp_path / "new.pth"), random_network())


def test_refuses_to_save_a_compact_network(tmp_path):
    compact = CompactSegmenter(CompactConfig(patch_size=16, channels=(4, 8, 12), num_heads=2))
    with pytest.raises(WeightsError, match=r"CompactSegmenter is not the papers' network.*use save_weights"):
        save_checkpoint(compact, tmp_path / "new.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changes", [{"corrected": True}, {"decoder_heads": 4}])
def test_refuses_to_save_arithmetic_that_the_format_cannot_tell(tmp_path, changes):
    with torch.device("meta"):
        network = SegAny3D(replace(SMALL, **changes))
    with pytest.raises(WeightsError, match=r"corrected=.*, decoder_heads=. cannot be told from a \.pth file"):
        save_checkpoint(network, tmp_path / "new.pth")


def test_refuses_to_save_rounded_weights(tmp_path):
    rounded = random_network().to(torch.bfloat16)
    with pytest.raises(WeightsError, match=r'is held in bfloat16, not float32; load .* precision="float32"'):
        save_checkpoint(rounded, tmp_path / "new.pth")
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_save_under_another_suffix_or_in_a_missing_folder(tmp_path):
    network = random_network()
    with pytest.raises(OutputError, match=r"new\.safetensors: .* are written as \.pth"):
        save_checkpoint(network, tmp_path / "new.safetensors")
    with pytest.raises(OutputError, match=r"new\.pth: cannot be written \(No such file"):
        save_checkpoint(network, tmp_path / "missing" / "new.pth")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"new\.pth: cannot be written \(Not a directory"):
        save_checkpoint(network, tmp_path / "file" / "new.pth")


def test_failed_save_keeps_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def full_disk(content, file) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OutputError, match="No space left on device"):
        save_checkpoint(random_network(seed=1), path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["sam.pth"]


def test_a_file_that_is_loaded_can_be_replaced(path):
    """Views of the file would change, or kill the process, with the file."""
    model = load_model(path, device="cpu")
    before = copy.deepcopy(model.network.state_dict())
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.truncate(10)
    assert same(before, model.network)
    assert isinstance(model.network.config, SAM3DConfig)
