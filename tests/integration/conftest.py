"""Fixtures of tests through the command line."""

from __future__ import annotations

from typing import Any

import pytest

from seganypet.cli import main


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd, recwarn):
    """Run a command that must refuse and write nothing; return its one line."""
    monkeypatch.chdir(tmp_path)

    def run(*argv: Any) -> str:
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        capfd.readouterr()
        recwarn.clear()  # those of making the input
        assert main([str(argument) for argument in argv]) == 2
        captured = capfd.readouterr()
        (line,) = captured.err.splitlines()
        assert line.startswith("seganypet: error: ")
        assert "bug" not in line
        assert captured.out == ""
        assert [str(warning.message) for warning in recwarn] == []  # each would be further lines
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        return line

    return run
