"""Options for clicks, and the clicks themselves once the volume is known."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from seganypet.cli.parsing import Triple, numbers
from seganypet.errors import PromptError, UsageError

if TYPE_CHECKING:
    from seganypet.prompts.box import Box
    from seganypet.prompts.click import Click
    from seganypet.volume import Volume

HOW_TO_CLICK = (
    "say what to segment by a positive click inside it: --click I,J,K (voxel) or "
    "--click-mm X,Y,Z (RAS+ world, in mm)"
)


@dataclass(frozen=True, kw_only=True)
class TypedClick:
    """A click as it was typed.

    Attributes:
        option: The option it came with.
        values: Voxel coordinate, or RAS+ world position in mm.
        in_mm: Which of the two.
        positive: True inside the target, False outside.
    """

    option: str
    values: Triple
    in_mm: bool
    positive: bool

    def on(self, volume: Volume) -> Click:
        """Return the click in a volume's voxels.

        Raises:
            PromptError: It lies outside the volume.
        """
        from seganypet.prompts.click import Click

        ijk = volume.to_ijk(self.values) if self.in_mm else self.values
        if not volume.contains(ijk):
            text = ",".join(f"{value:g}" for value in self.values)
            raise PromptError(f"{self.option} {text} lies outside the volume, {_extent(volume, self.in_mm)}")
        return Click(ijk, self.positive)


class _Collect(argparse.Action):
    """Collects the clicks of all options in one list, in the order in which they are given."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        in_mm, positive = self.const
        click = TypedClick(option=str(option_string), values=values, in_mm=in_mm, positive=positive)
        namespace.clicks = [*(getattr(namespace, "clicks", None) or ()), click]


def add_click_options(parser: argparse.ArgumentParser) -> None:
    """Add `--click`, `--negative`, `--click-mm` and `--negative-mm`."""
    group = parser.add_argument_group("clicks", "each may be repeated; they are made in the order given")
    for option, form, in_mm, positive, text in (
        (
            "--click",
            "I,J,K",
            False,
            True,
            "a voxel inside the target, counted from 0 in the file's own order; of a DICOM series column, row, and "
            "slice, for axial slices from feet to head whatever the files' numbers",
        ),
        ("--negative", "I,J,K", False, False, "a voxel outside the target"),
        ("--click-mm", "X,Y,Z", True, True, "a point inside the target, RAS+ world coordinates in mm"),
        ("--negative-mm", "X,Y,Z", True, False, "a point outside the target, likewise"),
    ):
        group.add_argument(
            option,
            action=_Collect,
            dest="clicks",
            default=[],
            const=(in_mm, positive),
            type=numbers(form),
            metavar=form,
            help=text,
        )


def add_prompt_options(parser: argparse.ArgumentParser) -> None:
    """Add the prompts other than clicks: `--box`, `--prompts`, `--object` and `--mask`."""
    group = parser.add_argument_group("other prompts")
    form = "I,J,K,I,J,K"
    group.add_argument(
        "--box",
        type=numbers(form),
        metavar=form,
        help="first and last voxel of a box around the target, which the clicks correct; only for weights that "
        "were trained with boxes",
    )
    group.add_argument(
        "--prompts", type=Path, metavar="FILE", help="clicks of a file, made before those typed here"
    )
    group.add_argument(
        "--object", metavar="NAME", help="which object of the prompt file, where it holds several"
    )
    group.add_argument(
        "--mask", type=Path, metavar="PRIOR", help="a mask to start from, which the clicks correct"
    )


def check_prompts(arguments: argparse.Namespace) -> None:
    """Refuse prompts that cannot work, before anything is read.

    Args:
        arguments: With `clicks`, `box`, `prompts`, `object` and `mask`.

    Raises:
        UsageError: Nothing says what to segment, both a box and a mask do, or a name is given without a file of
            prompts.
        PromptError: The first click is negative, or the box's last voxel lies before its first.
    """
    if arguments.box is not None and arguments.mask is not None:
        raise UsageError(
            "--box and --mask both say where to start; give one of them, and correct it by clicks"
        )
    read_box(arguments)
    if arguments.object is not None and arguments.prompts is None:
        raise UsageError(
            f"--object {arguments.object} names an object of a prompt file; give --prompts FILE too"
        )
    if arguments.prompts is None and arguments.mask is None and arguments.box is None:
        check_first(arguments.clicks)


def read_box(arguments: argparse.Namespace) -> Box | None:
    """Return the box that was typed, if there is one.

    Raises:
        PromptError: Its last voxel lies before its first.
    """
    if arguments.box is None:
        return None
    from seganypet.prompts.box import Box

    try:
        return Box(arguments.box[:3], arguments.box[3:])
    except PromptError as error:
        raise PromptError(f"--box: {error}") from error


def check_first(clicks: Sequence[TypedClick] | Sequence[Click], path: Path | None = None) -> None:
    """Refuse clicks of which the first does not say what to segment.

    Args:
        clicks: In order.
        path: File they come from, for the message.

    Raises:
        UsageError: None is positive.
        PromptError: The first is negative.
    """
    where = f"{path}: " if path else ""
    if not any(click.positive for click in clicks):
        raise UsageError(f"{where}no positive click; {HOW_TO_CLICK}, or give --mask to correct")
    if not clicks[0].positive:
        raise PromptError(f"{where}the first click is negative; give a positive one before it")


def read_clicks(arguments: argparse.Namespace, volume: Volume) -> list[Click]:
    """Return the clicks of the prompt file, then those typed, in the volume's voxels.

    Raises:
        PromptError: One lies outside, or the file cannot be used; see `io.read_prompts`.
        UsageError: No positive click where there must be one.
    """
    typed = [click.on(volume) for click in arguments.clicks]
    if arguments.prompts is None:
        return typed
    from seganypet.io import read_prompts

    clicks = read_prompts(cast(Path, arguments.prompts), volume, object_name=arguments.object) + typed
    if arguments.mask is None and arguments.box is None:
        check_first(clicks, arguments.prompts)
    return clicks


def _extent(volume: Volume, in_mm: bool) -> str:
    """Return where clicks may lie."""
    if not in_mm:
        i, j, k = (n - 1 for n in volume.shape)
        return f"whose voxels run from 0,0,0 to {i},{j},{k}"
    from itertools import product

    corners = [volume.to_xyz_mm(c) for c in product(*((-0.5, n - 0.5) for n in volume.shape))]
    spans = [
        f"{axis} {min(c[at] for c in corners):g} to {max(c[at] for c in corners):g}"
        for at, axis in enumerate("xyz")
    ]
    return f"which spans {', '.join(spans)} mm"
