"""`seganypet info` tells what is there, and never fails for what is not."""

import json
from dataclasses import asdict

import pytest

import seganypet.models.weights as weights
from papers_checkpoint import SMALL, write_papers_checkpoint
from seganypet.cli import main
from tiny_weights import write_tiny_weights


@pytest.fixture
def shipped(monkeypatch, tmp_path):
    """A package whose shipped weights are those of a folder, under the name tiny."""
    path = write_tiny_weights(tmp_path)
    monkeypatch.setattr(weights, "shipped_weights", lambda: ["tiny"])
    monkeypatch.setattr(weights, "weights_path", lambda name: path)
    return path


def test_describes_shipped_weights(shipped, capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    assert "tiny" in text
    assert "compact, 4 mm voxels" in text
    assert weights.sha256_of(shipped) in text
    assert "not a medical device" in text


def test_prints_json(shipped, capsys):
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["weights"][0]["licence"] == "none"
    assert facts["versions"]["torch"]
    assert facts["device"]["threads"] >= 1
    assert isinstance(facts["device"]["bfloat16"], bool)


def test_damaged_weights_are_told_not_raised(shipped, capsys):
    shipped.write_bytes(shipped.read_bytes()[:-1])
    assert main(["info"]) == 0
    assert "unusable" in capsys.readouterr().out


def test_no_weights_are_no_error(monkeypatch, capsys):
    monkeypatch.setattr(weights, "shipped_weights", list)
    assert main(["info"]) == 0
    assert "none shipped" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == []


@pytest.fixture
def checkpoint(tmp_path):
    return write_papers_checkpoint(tmp_path / "sam.pth")


def weights_line(text: str, name: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(f"    {name} "))
    return line


def test_tells_what_a_checkpoint_shows_from_what_is_assumed(checkpoint, capsys):
    assert main(["info", "--weights", str(checkpoint)]) == 0
    text = capsys.readouterr().out
    assert "\n  sam\n" in text
    assert "default" not in text
    configuration = weights_line(text, "configuration")
    for shown in ("depth 4", "window_size 14", "global_blocks (1, 3)", "point_embeddings 2"):
        assert shown in configuration
    assert "decoder_heads" not in configuration
    assert weights_line(text, "assumed").endswith(
        "spacing_mm 1.5, orientation RAS, normalisation zscore_positive, prompt_policy newest, bfloat16 False, "
        "decoder_heads 8, corrected False"
    )


def test_describes_a_checkpoint_as_json(checkpoint, capsys):
    checkpoint.with_suffix(".json").write_text('{"spacing_mm": 2.0, "config": {"corrected": true}}')
    assert main(["info", "--json", "--weights", str(checkpoint)]) == 0
    (found,) = json.loads(capsys.readouterr().out)["weights"]
    expected = asdict(SMALL) | {"corrected": True, "global_blocks": list(SMALL.global_blocks)}
    assert found["config"] == expected
    assert found["spacing_mm"] == 2.0
    assert found["file"] == str(checkpoint)
    assert found["assumed"] == ["orientation", "normalisation", "prompt_policy", "bfloat16", "decoder_heads"]


def test_describes_a_file_with_its_own_description(tmp_path, capsys):
    path = write_tiny_weights(tmp_path)
    assert main(["info", "--weights", str(path)]) == 0
    text = capsys.readouterr().out
    assert weights_line(text, "file").endswith(str(path))
    assert "assumed" not in text
    assert "boxes not learned" in weights_line(text, "preprocessing")


def test_says_whether_boxes_were_learned(tmp_path, capsys):
    assert main(["info", "--weights", str(write_tiny_weights(tmp_path, boxes=True))]) == 0
    text = capsys.readouterr().out
    assert "boxes learned" in weights_line(text, "preprocessing")
    assert "boxes True" in weights_line(text, "configuration")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such weight file"), (b"", "is empty"), (b"PK\x03\x04", "is truncated")],
)
def test_weights_asked_for_that_cannot_be_read_are_refused(tmp_path, capsys, content, message):
    path = tmp_path / "sam.pth"
    if content is not None:
        path.write_bytes(content)
    assert main(["info", "--weights", str(path)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert f"{path}: {message}" in line
    assert captured.out == ""
