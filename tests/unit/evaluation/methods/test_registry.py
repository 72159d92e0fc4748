"""Methods by name, with arguments and labels."""

from __future__ import annotations

import pytest

from seganypet.errors import MethodError, UsageError, WeightsError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.registry import ENTRIES, Chosen, chosen, chosen_methods
from seganypet.models.weights import shipped_weights, weights_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("threshold41", Chosen("threshold41", "threshold41")),
        ("default", Chosen("default", "weights", "default")),
        ("run/best.safetensors", Chosen("best", "weights", "run/best.safetensors")),
        ("run7/weights.safetensors", Chosen("run7", "weights", "run7/weights.safetensors")),
        ("sam_med3d_turbo.pth", Chosen("sam_med3d_turbo", "weights", "sam_med3d_turbo.pth")),
        ("weights=x.bin", Chosen("x", "weights", "x.bin")),
        ("predictions=out/a", Chosen("predictions", "predictions", "out/a")),
        ("nnU-Net:predictions=out/a", Chosen("nnU-Net", "predictions", "out/a")),
        ("our best: default", Chosen("our best", "weights", "default")),
        ("predictions=C:/out", Chosen("predictions", "predictions", "C:/out")),
    ],
)
def test_text_to_method(text, expected):
    assert chosen(text) == expected


def test_titles_are_labels_where_one_was_given():
    assert chosen("threshold41").title == "41 % of SUVmax"
    assert chosen("EANM:threshold41").title == "EANM"
    assert chosen("default").title == "default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("threshold42", r"'threshold42' is unknown, and no file of weights; do you mean threshold41 or"),
        ("xyz", r"'xyz' is unknown, and .*; choose of .*default.*threshold41.*predictions=FOLDER"),
        ("predictions", "write predictions=FOLDER"),
        ("threshold41=0.5", "write threshold41"),
        ("nn:", "expected NAME:METHOD"),
        ("  :default", "expected NAME:METHOD"),
    ],
)
def test_refuses_what_is_none(text, message):
    with pytest.raises(UsageError, match=message):
        chosen(text)


def test_refuses_two_of_one_name():
    with pytest.raises(UsageError, match="two are called 'default'; give one another name"):
        chosen_methods(["default", "default:threshold41"])


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_says_what_users_ask(name):
    entry = ENTRIES[name]
    assert all((entry.title, entry.prompt, entry.licence, entry.get, entry.tested))


@pytest.mark.parametrize("name", [n for n, entry in ENTRIES.items() if entry.argument])
def test_every_entry_refuses_an_argument_that_is_nowhere(name, tmp_path):
    with pytest.raises((MethodError, WeightsError)):
        chosen(f"{name}={tmp_path / 'nowhere'}").build(Options())


def test_fingerprints_tell_files_apart(tmp_path):
    one, other = tmp_path / "one.pth", tmp_path / "other.pth"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    assert chosen(f"a:{one}").fingerprint() != chosen(f"a:{other}").fingerprint()
    other.write_bytes(b"1")
    assert chosen(f"a:{one}").fingerprint() == chosen(f"a:{other}").fingerprint()
    assert chosen("threshold41").fingerprint() != chosen("threshold50").fingerprint()


def test_shipped_weights_have_the_fingerprint_of_their_file():
    name = shipped_weights()[0]
    assert chosen(name).fingerprint() == chosen(f"x:{weights_path(name)}").fingerprint()
