"""Clicks as they are typed, and on a volume."""

import argparse

import numpy as np
import pytest

from seganypet.cli.clicks import add_click_options, add_prompt_options, check_prompts, read_box, read_clicks
from seganypet.cli.parsing import Parser, join_negative_values
from seganypet.errors import PromptError, UsageError
from seganypet.io import write_prompts
from seganypet.prompts import Box, Click
from seganypet.volume import Volume


@pytest.fixture
def volume() -> Volume:
    affine = np.diag([-2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = [10, -20, 30]
    return Volume(np.arange(10 * 11 * 12, dtype=np.float32).reshape(10, 11, 12) / 1320, affine)


def parsed(*argv: str) -> argparse.Namespace:
    parser = Parser(prog="seganypet")
    add_click_options(parser)
    add_prompt_options(parser)
    return parser.parse_args(join_negative_values(argv))


def test_clicks_keep_the_order_of_the_command_line(volume):
    arguments = parsed(
        "--click", "1,2,3", "--negative-mm", "0,-2,50", "--negative", "4,5,6.5", "--click-mm", "10,-20,30"
    )
    assert read_clicks(arguments, volume) == [
        Click((1, 2, 3)),
        Click((5, 6, 5), positive=False),
        Click((4, 5, 6.5), positive=False),
        Click((0, 0, 0)),
    ]


def test_no_clicks_are_no_clicks_twice():
    assert parsed("--click", "1,2,3").clicks != parsed().clicks == []


def test_clicks_of_a_file_come_first(volume, tmp_path):
    path = tmp_path / "prompts.json"
    write_prompts([Click((7, 7, 7))], volume, path, object_name="node")
    arguments = parsed("--negative", "1,1,1", "--prompts", str(path), "--object", "node")
    assert read_clicks(arguments, volume) == [Click((7, 7, 7)), Click((1, 1, 1), positive=False)]


@pytest.mark.parametrize("ijk", ["-0.6,0,0", "10,0,0", "0,0,11.51"])
def test_refuses_a_voxel_outside(volume, ijk):
    with pytest.raises(PromptError, match=r"--negative \S+ lies outside .* from 0,0,0 to 9,10,11"):
        read_clicks(parsed("--negative", ijk), volume)


def test_refuses_a_world_point_outside_and_says_where_the_volume_is(volume):
    with pytest.raises(PromptError, match=r"--click-mm 12,0,0 .* x -9 to 11, y -21.5 to 11.5, z 28 to 76 mm"):
        read_clicks(parsed("--click-mm", "12,0,0"), volume)


@pytest.mark.parametrize("argv", [[], ["--negative", "1,2,3"], ["--negative-mm", "1,2,3"]])
def test_refuses_without_a_positive_click(argv):
    with pytest.raises(UsageError, match=r"no positive click; .*--click I,J,K"):
        check_prompts(parsed(*argv))


def test_refuses_a_negative_click_first():
    with pytest.raises(PromptError, match="first click is negative"):
        check_prompts(parsed("--negative", "1,2,3", "--click", "4,5,6"))


@pytest.mark.parametrize(
    "argv",
    [
        ["--mask", "m.nii.gz"],
        ["--mask", "m.nii.gz", "--negative", "1,2,3"],
        ["--box", "1,2,3,4,5,6"],
        ["--box", "1,2,3,4,5,6", "--negative", "1,2,3"],
        ["--prompts", "p.json"],
    ],
)
def test_a_mask_a_box_or_a_file_may_say_what_to_segment(argv):
    check_prompts(parsed(*argv))


def test_refuses_an_object_without_a_file():
    with pytest.raises(UsageError, match=r"--object node .* --prompts FILE"):
        check_prompts(parsed("--click", "1,2,3", "--object", "node"))


def test_refuses_a_file_that_leaves_the_first_click_negative(volume, tmp_path):
    path = tmp_path / "prompts.json"
    write_prompts([Click((7, 7, 7), positive=False)], volume, path)
    with pytest.raises(PromptError, match="first click is negative"):
        read_clicks(parsed("--click", "1,1,1", "--prompts", str(path)), volume)


def test_a_box_is_its_first_and_its_last_voxel():
    assert read_box(parsed("--box", "1,2,3,4.5,5,6")) == Box((1, 2, 3), (4.5, 5, 6))
    assert read_box(parsed("--click", "1,2,3")) is None


def test_a_box_lets_the_clicks_of_a_file_begin_with_a_negative_one(volume, tmp_path):
    path = tmp_path / "prompts.json"
    write_prompts([Click((7, 7, 7), positive=False)], volume, path)
    (click,) = read_clicks(parsed("--box", "1,2,3,4,5,6", "--prompts", str(path)), volume)
    assert not click.positive


def test_refuses_a_box_beside_a_mask():
    with pytest.raises(UsageError, match="--box and --mask both say where to start; give one of them"):
        check_prompts(parsed("--box", "1,2,3,4,5,6", "--mask", "m.nii.gz"))


def test_refuses_a_box_whose_last_voxel_lies_before_its_first():
    with pytest.raises(PromptError, match=r"--box: box from \(1.0, 2.0, 3.0\) to \(4.0, 1.0, 6.0\); give"):
        check_prompts(parsed("--box", "1,2,3,4,1,6"))
