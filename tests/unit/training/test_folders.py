"""Folders of a training: no files, and one run at a time in a run's."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_training
from tiny_training import recipe_of, run_tiny

from seganypet.errors import OutputError, SegAnyPETWarning, TrainingError
from seganypet.training import folders
from seganypet.training.distributed import ALONE
from seganypet.training.folders import locked, require_folder


@pytest.fixture
def holder(tmp_path) -> Iterator[subprocess.Popen]:
    """Another process that holds `tmp_path`, with one that it forked."""
    command = [sys.executable, tiny_training.__file__, "holding", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("resume", [False, True])
def test_refuses_a_run_folder_that_another_training_uses(tmp_path, holder, resume):
    leftover = tmp_path / f".{'0f' * 16}.pt"  # or is it being written?
    leftover.touch()
    with pytest.raises(TrainingError) as caught:
        run_tiny(tmp_path, recipe_of(), resume=resume)
    assert str(caught.value) == (
        f"{tmp_path} is in use by another training (process {holder.pid} on {socket.gethostname()}); stop that one or "
        "wait for its end, or choose another folder"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"lock", leftover.name}


def test_folder_of_a_killed_training_is_free_at_once(tmp_path, holder):
    """The processes that it forked to load data may outlive it for seconds."""
    holder.kill()
    holder.wait()
    os.killpg(holder.pid, 0)  # the forked one lives
    assert run_tiny(tmp_path, recipe_of(), resume=True).step == 6


def test_folder_says_who_holds_it(tmp_path):
    with locked(tmp_path / "new", ALONE):
        content = json.loads((tmp_path / "new" / "lock").read_text())
        assert content == {"host": socket.gethostname(), "pid": os.getpid()}


def refusal(folder: Path) -> str:
    """Return what another process is told that asks for a folder, empty where it gets it."""
    code = (
        "import sys; from pathlib import Path; from seganypet.training.folders import *\n"
        "try:\n  with locked(Path(sys.argv[1]), Processes()): pass\nexcept TrainingError as e: print(e)"
    )
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_blocks_may_be_nested_and_the_outer_one_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with locked(tmp_path, ALONE):
        with locked(Path(), ALONE):
            pass
        assert f"process {os.getpid()} on" in refusal(tmp_path)
    assert refusal(tmp_path) == ""


def test_lock_is_left_when_the_block_fails(tmp_path):
    with pytest.raises(ValueError, match="reason"), locked(tmp_path, ALONE):
        raise ValueError("reason")
    assert refusal(tmp_path) == ""


def test_where_locks_are_impossible_training_goes_on_with_a_warning(tmp_path, monkeypatch):
    def impossible(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(folders.fcntl, "lockf", impossible)
    with pytest.warns(
        SegAnyPETWarning,
        match=r"cannot be locked here \(No locks available\); see that no other training uses it",
    ):
        assert run_tiny(tmp_path, recipe_of()).step == 6


def test_on_systems_without_such_locks_too(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "fcntl", None)
    with pytest.warns(SegAnyPETWarning, match="cannot be locked here"), locked(tmp_path, ALONE):
        pass


def test_refuses_a_lock_that_cannot_be_written(tmp_path):
    (tmp_path / "lock").mkdir()
    with (
        pytest.raises(OutputError, match=r"/lock: cannot be written \(Is a directory\)"),
        locked(tmp_path, ALONE),
    ):
        pass


def test_refuses_a_folder_that_is_a_file_or_lies_in_one(tmp_path):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError) as caught:
        require_folder(file)
    assert str(caught.value) == f"{file}: is a file; choose another folder"
    with pytest.raises(OutputError) as caught:
        require_folder(file / "a" / "b")
    assert (
        str(caught.value)
        == f"{file}: is a file, so {file / 'a' / 'b'} cannot lie in it; choose another folder"
    )


def test_accepts_folders_that_are_there_or_may_come(tmp_path):
    require_folder(tmp_path)
    require_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
