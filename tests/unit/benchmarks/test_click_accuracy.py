"""What the measurement of clicks refuses."""

from __future__ import annotations

import sys

import pytest

from click_accuracy import main


@pytest.mark.parametrize("sets", [["fold2"], ["bodies", "fold1"]])
def test_shipped_weights_are_not_tested_on_tumours_that_they_learned(sets, monkeypatch, capsys):
    arguments = [word for name in sets for word in ("--set", name)]
    monkeypatch.setattr(sys, "argv", ["click_accuracy.py", *arguments])
    with pytest.raises(SystemExit):
        main()
    assert "give the fold's own weights" in capsys.readouterr().err
