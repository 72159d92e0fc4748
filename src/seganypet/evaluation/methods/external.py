"""Systems that run as a program of the user's, with its own interpreter: they read a request and write a mask.

For each answer the command runs once, with the path of a request file as its last argument. The request is JSON:

    {"version": 1, "case": "...", "target": "liver", "image": "/.../image.nii.gz", "spacing_mm": [4.0, 4.0, 3.0],
     "clicks": [{"ijk": [40, 52, 81], "ras_mm": [-12.0, 30.5, 843.0], "positive": true}], "output": "/.../mask.nii.gz"}

`image` is the PET in SUVbw; `clicks` are all clicks so far, in order, none where the target's name is the prompt; `ijk`
counts the image's voxels, 0 at the first one's centre. The command writes a mask of zeros and ones on the image's grid
to `output` and returns 0. `target` is "" where clicks are the prompt: such systems must not depend on it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from seganypet.errors import MethodError, SegAnyPETError
from seganypet.evaluation.methods.entry import Entry, Options
from seganypet.evaluation.methods.interface import Prompting, Scan
from seganypet.io import read_mask, write_json, write_volume
from seganypet.prompts import Click
from seganypet.volume import BoolArray, Volume

VERSION: Final = 1
_TIMEOUT_S: Final = 1800.0
_TAIL: Final = 400


class ExternalMethod:
    """A program that is given a request and writes a mask.

    Args:
        command: The program and its arguments, as in a shell; the request's path is added.
        prompting: "clicks" or "target".
        timeout_s: After so long a run has failed.

    Raises:
        MethodError: The command is empty, cannot be parsed, or names no program.
    """

    def __init__(
        self, command: str, *, prompting: Prompting = "clicks", timeout_s: float = _TIMEOUT_S
    ) -> None:
        self.prompting = prompting
        self._command = command_of(command)
        self._timeout_s = timeout_s
        self._folder = tempfile.TemporaryDirectory(prefix="seganypet-")

    def start(self, scan: Scan) -> None:
        """Write a scan where the program finds it; forget all clicks."""
        self._scan = scan
        self._clicks: list[Click] = []
        self._image = Path(self._folder.name) / "image.nii.gz"
        write_volume(Volume(scan.volume.array, scan.volume.affine), self._image)

    def restart(self, target: str) -> BoolArray:
        """Forget all clicks, keep the scan; return the target's mask, or an empty one where clicks are the prompt.

        Raises:
            MethodError: The program failed.
        """
        self._clicks = []
        if self.prompting == "target":
            return self._answer(target)
        return np.zeros(self._scan.volume.shape, dtype=np.bool_)

    def click(self, click: Click) -> BoolArray:
        """Return the mask after one more click; the program is given all of them.

        Raises:
            MethodError: The program failed, or is told the target's name.
        """
        if self.prompting == "target":
            raise MethodError(f"{self._command[0]}: is told the target's name and takes no clicks")
        self._clicks.append(click)
        return self._answer("")

    def _answer(self, target: str) -> BoolArray:
        """Run the program and return its mask."""
        output, request = (Path(self._folder.name) / name for name in ("mask.nii.gz", "request.json"))
        output.unlink(missing_ok=True)
        write_json(self._request(target, output), request)
        run_command([*self._command, str(request)], timeout_s=self._timeout_s)
        return mask_from(output, self._scan.volume, self._command[0])

    def _request(self, target: str, output: Path) -> dict[str, Any]:
        volume = self._scan.volume
        return {
            "version": VERSION,
            "case": self._scan.case,
            "target": target,
            "image": str(self._image),
            "spacing_mm": volume.spacing_mm,
            "clicks": [
                {"ijk": c.ijk, "ras_mm": volume.to_xyz_mm(c.ijk), "positive": c.positive}
                for c in self._clicks
            ],
            "output": str(output),
        }


def command_of(text: str) -> list[str]:
    """Return a command and its arguments.

    Raises:
        MethodError: It is empty, its quotes do not match, or there is no such program.
    """
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise MethodError(f"command {text!r}: cannot be parsed ({error}); quote it as for a shell") from error
    if not parts:
        raise MethodError("the command is empty; give a program and its arguments")
    if shutil.which(parts[0]) is None:
        raise MethodError(f"{parts[0]}: no such program; give its path, or put it on the PATH")
    return parts


def run_command(command: Sequence[str], *, timeout_s: float) -> None:
    """Run a program to its end.

    Raises:
        MethodError: It cannot be started, took too long, or returned an error, the end of which is quoted.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise MethodError(
            f"{command[0]}: cannot be started ({error.strerror or error}); check the command"
        ) from error
    try:
        _, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise MethodError(
            f"{command[0]}: gave no answer in {timeout_s:g} s; does it wait for something?"
        ) from error
    finally:
        _end(process)
    if process.returncode:
        said = " ".join(stderr.decode(errors="replace").split())[-_TAIL:] or "nothing on stderr"
        raise MethodError(f"{command[0]}: ended with {process.returncode}: {said}")


def mask_from(path: Path, volume: Volume, name: str) -> BoolArray:
    """Return the mask that a program wrote, which lies on a volume's grid.

    Raises:
        MethodError: It is missing, unreadable, not of zeros and ones, or on another grid.
    """
    if not path.is_file():
        raise MethodError(
            f"{name}: ended without an error but wrote no {path.name}; see `output` in its request"
        )
    try:
        return read_mask(path, like=volume).array
    except SegAnyPETError as error:
        raise MethodError(f"{name}: its mask cannot be used: {error}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started, where they still run."""
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its own group: it was started in a new session
    except (AttributeError, ProcessLookupError):  # no groups on Windows
        process.kill()
    process.communicate()


def _entry(
    title: str, prompting: Prompting, prompt: str, licence: str, get: str, published: str = ""
) -> Entry:
    def build(argument: str, options: Options) -> ExternalMethod:
        return ExternalMethod(argument, prompting=prompting)

    return Entry(
        title=title,
        build=build,
        argument="COMMAND",
        prompt=prompt,
        licence=licence,
        get=f"{get}; docs/how-to-compare-external.md",
        tested="the protocol, with programs of ours; the system itself has not been run",
        published=(published,) if published else (),
    )


ENTRIES = {
    "segvol": _entry(
        "SegVol",
        "clicks",
        "1 point",
        "code MIT; that of the weights is not verified",
        "its checkout, weights and interpreter, and a program that speaks the protocol",
        "SegVol",
    ),
    "sat": _entry(
        "SAT",
        "target",
        "text",
        "its repository states none",
        "its checkout, weights and interpreter, and a program that speaks the protocol",
        "SAT",
    ),
    "command": _entry(
        "program", "clicks", "1 point", "that of the system", "any program that speaks the protocol"
    ),
    "command_target": _entry(
        "program, told the target",
        "target",
        "text",
        "that of the system",
        "any program that speaks the protocol",
    ),
}
