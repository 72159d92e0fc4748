"""Numbers, minus signs, and errors in one line."""

import argparse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seganypet.cli.parsing import Parser, count, join_negative_values, numbers, positive
from seganypet.errors import UsageError


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="seganypet")
    parser.add_argument("--click-mm", type=numbers("X,Y,Z"))
    parser.add_argument("--weight-kg", type=positive)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("pet", nargs="?")
    return parser


@pytest.mark.parametrize("value", ["-12.5,40,-300", "-.5,0,0", "-1,-2,-3", "12,-3,4", "-1e1,0,0"])
def test_values_that_begin_with_a_minus_parse(parser, value):
    expected = tuple(float(part) for part in value.split(","))
    assert parser.parse_args(join_negative_values(["--click-mm", value])).click_mm == expected
    assert parser.parse_args(join_negative_values([f"--click-mm={value}"])).click_mm == expected


@given(st.tuples(*(st.floats(-1e4, 1e4) for _ in range(3))))
def test_any_point_parses_as_it_is_written(point):
    parser = Parser(prog="seganypet")
    parser.add_argument("--click-mm", type=numbers("X,Y,Z"))
    argv = join_negative_values(["--click-mm", ",".join(repr(c) for c in point)])
    assert parser.parse_args(argv).click_mm == point


def test_joins_nothing_else():
    argv = ["segment", "a.nii.gz", "--json", "-o", "x.nii.gz", "--debug", "--", "-5"]
    assert join_negative_values(argv) == argv


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--click-mm", "1,2"], "--click-mm: '1,2' is not X,Y,Z; expected 3 numbers"),
        (["--click-mm", "1,2,3,4"], "--click-mm: '1,2,3,4' is not X,Y,Z"),
        (["--click-mm", "1,b,3"], "--click-mm: 'b' in '1,b,3' is no number"),
        (["--click-mm", "1,,3"], "--click-mm: '' in '1,,3' is no number"),
        (["--click-mm", "1,nan,3"], "--click-mm: '1,nan,3' is not finite"),
        (["--click-mm", "-inf,1,3"], "--click-mm: '-inf,1,3' is not finite"),
        (["--weight-kg", "heavy"], "--weight-kg: 'heavy' is no number"),
        (["--weight-kg", "0"], "--weight-kg: '0' is not above 0"),
        (["--weight-kg", "-70"], "--weight-kg: '-70' is not above 0"),
        (["--weight", "70"], "unrecognized arguments: --weight"),
        (["--click-mm"], "--click-mm: expected one argument"),
    ],
)
def test_refuses_naming_option_and_value(parser, argv, message):
    with pytest.raises(UsageError) as error:
        parser.parse_args(join_negative_values(argv))
    assert str(error.value).startswith(message)
    assert str(error.value).endswith("see seganypet --help")


def test_debug_is_known_before_and_after_the_verb():
    parser = Parser(prog="seganypet")
    verb = parser.add_subparsers().add_parser("info")
    assert isinstance(verb, Parser)
    assert parser.parse_args(["--debug", "info"]).debug
    assert parser.parse_args(["info", "--debug"]).debug
    assert not hasattr(parser.parse_args(["info"]), "debug")


def test_a_converter_reports_as_argparse_expects():
    with pytest.raises(argparse.ArgumentTypeError):
        numbers("I,J,K")("one")


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("12", 12), (" 3", 3)])
def test_counts_are_whole_numbers(text, expected):
    assert count(least=1)(text) == expected


@pytest.mark.parametrize(
    ("text", "message"), [("0", "'0' is below 1"), ("-1", "below 1"), ("2.5", "'2.5' is no whole")]
)
def test_refuses_what_is_no_count(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        count(least=1)(text)
