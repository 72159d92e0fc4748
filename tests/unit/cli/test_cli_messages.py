"""What a command says of long work."""

from __future__ import annotations

from seganypet.cli.messages import progress_lines


def test_without_a_terminal_every_tenth_is_told_once(capsys):
    show = progress_lines("reading")
    for done in range(31):
        show(done, 30)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["reading: 0 of 30", "reading: 3 of 30", "reading: 6 of 30"]
    assert lines[-1] == "reading: 30 of 30"
    assert len(lines) == 11
