"""nnU-Net leaves no traces in the process."""

import os
import random
import sys
from importlib import metadata

import matplotlib as mpl
import numpy as np
import pytest
import torch

from seganypet.errors import MethodError
from seganypet.evaluation.nnunet.environment import framework, require_framework


def test_folders_are_set_inside_and_as_before_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("nnUNet_raw", "mine")
    monkeypatch.delenv("nnUNet_results", raising=False)
    before = dict(os.environ)
    with framework(tmp_path, workers=0, seed=0):
        changed = {name: value for name, value in os.environ.items() if before.get(name) != value}
    assert changed == {
        "nnUNet_raw": str(tmp_path / "raw"),
        "nnUNet_preprocessed": str(tmp_path / "preprocessed"),
        "nnUNet_results": str(tmp_path / "results"),
        "nnUNet_compile": "f",
        "nnUNet_n_proc_DA": "0",
        "nnUNet_wandb_enabled": "0",
    }
    assert dict(os.environ) == before


def test_they_are_after_an_error_as_well(tmp_path, monkeypatch):
    monkeypatch.delenv("nnUNet_raw", raising=False)
    with pytest.raises(KeyError), framework(tmp_path, workers=0, seed=0):
        raise KeyError
    assert "nnUNet_raw" not in os.environ


def test_what_is_printed_goes_to_the_log(tmp_path, capsys):
    for text in ("one", "two"):
        with framework(tmp_path, workers=0, seed=0):
            sys.stdout.write(f"{text}\n")
            sys.stderr.write(f"{text}\n")
    assert (tmp_path / "log.txt").read_text() == "one\none\ntwo\ntwo\n"
    assert capsys.readouterr() == ("", "")


def drawn():
    return random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002


def test_seeds_inside_leave_the_numbers_outside_alone(tmp_path):
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    expected = drawn()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    threads = torch.get_num_threads()
    inside = []
    for seed in (5, 5, 6):
        with framework(tmp_path, workers=0, seed=seed):
            inside.append(drawn())
            torch.set_num_threads(threads + 1)
    assert inside[0] == inside[1] != inside[2]
    assert drawn() == expected
    assert torch.get_num_threads() == threads


def test_figures_look_as_before(tmp_path):
    size = mpl.rcParams["font.size"]
    with framework(tmp_path, workers=0, seed=0):
        mpl.rcParams["font.size"] = 77
    assert mpl.rcParams["font.size"] == size


def test_versions_are_told():
    assert set(require_framework("nnunet")) == {"nnunetv2"}
    assert set(require_framework("swinunetr")) == {"nnunetv2", "monai"}


def missing(name):
    raise metadata.PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (missing, "stunet needs nnunetv2, which is not installed; pip install"),
        (lambda name: "2.7.3", "stunet needs nnunetv2 2.8, not 2.7.3; pip install"),
    ],
)
def test_refuses_to_go_on_without_nnunet_or_with_an_old_one(monkeypatch, version, problem):
    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MethodError, match=problem):
        require_framework("stunet")
