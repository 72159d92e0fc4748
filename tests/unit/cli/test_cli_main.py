"""Exit codes, and one line for whatever goes wrong."""

import warnings

import pytest

import seganypet.cli.info
from seganypet.cli import main
from seganypet.cli.messages import collected_warnings, shown_warnings, table
from seganypet.errors import SegAnyPETWarning, SUVError


@pytest.fixture
def failing(monkeypatch):
    """Make `seganypet info` raise what is given."""

    def fail_with(error):
        def run(arguments):
            raise error

        monkeypatch.setattr(seganypet.cli.info, "run", run)

    return fail_with


def test_prints_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("seganypet ")


def test_refuses_no_command(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("seganypet: error: no command; choose one of segment, suv")


def test_refuses_an_unknown_command(capsys):
    assert main(["segmnet"]) == 2
    assert "'segmnet'" in capsys.readouterr().err


def test_bad_input_is_one_line_and_2(failing, capsys):
    failing(SUVError("file.dcm: weight is\n missing; give it"))
    assert main(["info"]) == 2
    assert capsys.readouterr().err == "seganypet: error: file.dcm: weight is missing; give it\n"


@pytest.mark.parametrize("argv", [["--debug", "info"], ["info", "--debug"]])
def test_debug_adds_the_traceback(failing, capsys, argv):
    failing(SUVError("weight is missing"))
    assert main(argv) == 2
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert text.endswith("seganypet: error: weight is missing\n")


def test_a_bug_says_so_and_1(failing, capsys):
    failing(RuntimeError("odd"))
    assert main(["info"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "seganypet: error: this is a bug (RuntimeError: odd); run again with --debug and report what it prints"
    )


def test_an_interrupt_is_130(failing, capsys):
    failing(KeyboardInterrupt())
    assert main(["info"]) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_reader_that_has_gone_is_no_error(failing, capfd):
    failing(BrokenPipeError())
    assert main(["info"]) == 141
    assert capfd.readouterr().err == ""


def test_warnings_are_single_lines_shown_once(capsys):
    with shown_warnings(), collected_warnings() as texts:
        for _ in range(2):
            warnings.warn("slices are\nuneven", SegAnyPETWarning, stacklevel=1)
        warnings.warn("dose is large", SegAnyPETWarning, stacklevel=1)
    assert capsys.readouterr().err.splitlines() == [
        "seganypet: warning: slices are uneven",
        "seganypet: warning: dose is large",
    ]
    assert texts == ["slices are\nuneven", "dose is large"]


def test_other_warnings_stay_as_they_are():
    with pytest.warns(DeprecationWarning, match="old"), shown_warnings():
        warnings.warn("old", DeprecationWarning, stacklevel=1)


def test_a_table_aligns_its_columns():
    assert table([["target", "ml"], ["liver", "1500.0"]]) == "  target      ml\n  liver   1500.0"
