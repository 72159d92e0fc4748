"""`seganypet info` tells what is there, and never fails for what is not."""

import json

import pytest

import seganypet.models.weights as weights
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
