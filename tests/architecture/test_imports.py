"""The rules of the house: which room may import which, and which libraries.

The table follows the one of the architecture page. A room may import itself, `volume`, `targets` and
`errors` besides what is listed; imports inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "seganypet"
FILES = sorted(PACKAGE.rglob("*.py"))
GROUND_FLOOR = {"volume", "targets", "errors"}
STANDARD_LIBRARY = sys.stdlib_module_names


class Room(NamedTuple):
    """What a room may import besides itself and the ground floor."""

    rooms: set[str]
    libraries: set[str]


_FILE_FORMATS = {
    "dicomweb_client",
    "requests",
    "nibabel",
    "nrrd",
    "pydicom",
    "highdicom",
    "SimpleITK",
    "rt_utils",
}
_INFERENCE = {"inference", "models", "preprocessing", "prompts", "io"}
_NUMBERS = {"numpy", "scipy", "torch"}
_TABLES = {"pandas", "matplotlib", "rich"}

_METRICS = {"monai", "skimage", "surface_distance"}
# The systems that are compared with, and what they need.
_COMPARED = {"nnunetv2", "transformers", "safetensors", "nnInteractive", "SimpleITK"}

ROOMS = {
    "io": Room({"prompts"}, {"numpy", *_FILE_FORMATS}),  # prompt files hold clicks
    "preprocessing": Room(set(), {"numpy", "torch"}),
    "prompts": Room(set(), _NUMBERS),
    "models": Room(set(), {"torch", "safetensors"}),
    "inference": Room(
        {"models", "preprocessing", "prompts", "io"}, {*_NUMBERS, "rich", "dask", "distributed"}
    ),
    "phantom": Room({"preprocessing", "io", "analysis"}, {*_NUMBERS, "rich"}),
    "training": Room(
        {"models", "preprocessing", "prompts", "io", "phantom"}, {*_NUMBERS, *_TABLES, "monai", "safetensors"}
    ),
    "evaluation": Room(_INFERENCE | {"analysis"}, {*_NUMBERS, *_TABLES, *_METRICS, *_COMPARED}),
    "analysis": Room({"io"}, {"numpy", "scipy", "networkx", *_TABLES}),
    "app": Room(
        _INFERENCE | {"analysis"},
        {"numpy", "scipy", "fastapi", "uvicorn", "starlette", "pydantic", "prometheus_client", "filelock"},
    ),
    # The same session, on a server: whoever uses it needs neither torch nor the server's libraries.
    "client": Room({"io", "prompts", "preprocessing"}, {"numpy", "httpx", "nibabel"}),
}
CLI = Room(set(ROOMS), {*_NUMBERS, *_TABLES, "uvicorn", "dask", "distributed"})


def modules_imported(source: str, package: str) -> set[str]:
    """Return the full names of all modules that a source imports; relative ones resolved in the package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            # "from seganypet import io" names the room only in its alias
            names.update(
                {f"{module}.{alias.name}" for alias in node.names} if module == "seganypet" else {module}
            )
    return names


def offences(path: Path, source: str) -> list[str]:
    """Return the imports of a file that its room does not allow."""
    relative = path.relative_to(PACKAGE)
    package = ".".join(("seganypet", *relative.parts[:-1]))
    room = relative.parts[0]
    if len(relative.parts) == 1 and relative.stem in GROUND_FLOOR:
        allowed = Room(set(), {"numpy"})
    elif len(relative.parts) == 1:
        allowed = Room(set(ROOMS) | {"cli"}, set())  # the front door: names only, no libraries
    else:
        allowed = CLI if room == "cli" else ROOMS[room]
    ground_floor = {"errors"} if room == "models" else GROUND_FLOOR
    found = []
    for name in sorted(modules_imported(source, package)):
        top, _, rest = name.partition(".")
        inside = rest.split(".")[0]
        if top == "seganypet":
            is_room = inside in ROOMS or inside in GROUND_FLOOR or inside == "cli"
            if is_room and inside not in allowed.rooms | ground_floor | {room}:
                found.append(name)
        elif top not in STANDARD_LIBRARY | allowed.libraries:
            found.append(name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_table(path: Path):
    found = offences(path, path.read_text(encoding="utf-8"))
    assert not found, f"{path.relative_to(PACKAGE)} may not import {', '.join(found)}"


def test_every_folder_is_a_room():
    folders = {path.relative_to(PACKAGE).parts[0] for path in FILES if path.parent != PACKAGE}
    assert folders <= {*ROOMS, "cli", "weights"}


def test_training_and_inference_do_not_know_each_other():
    assert "inference" not in ROOMS["training"].rooms
    assert "training" not in ROOMS["inference"].rooms
    assert not any("training" in room.rooms for room in ROOMS.values())


@pytest.mark.parametrize(
    ("file", "source", "offence"),
    [
        ("training/loop.py", "from seganypet.inference import Session", "seganypet.inference"),
        ("inference/session.py", "from seganypet.training.loop import run", "seganypet.training.loop"),
        ("inference/session.py", "from ..training import loop", "seganypet.training"),
        ("inference/session.py", "from seganypet import training", "seganypet.training"),
        ("models/model.py", "from seganypet.volume import Volume", "seganypet.volume"),
        ("models/model.py", "def f():\n    import seganypet.io.nifti", "seganypet.io.nifti"),
        ("models/model.py", "import numpy as np", "numpy"),
        ("io/nifti.py", "import torch.nn", "torch.nn"),
        ("analysis/network.py", "import torch", "torch"),
        (
            "preprocessing/orientation.py",
            "from nibabel.orientations import io_orientation",
            "nibabel.orientations",
        ),
        ("volume.py", "from seganypet.io import read_volume", "seganypet.io"),
        ("errors.py", "import torch", "torch"),
        ("__init__.py", "import torch", "torch"),
        ("cli/segment.py", "import nibabel", "nibabel"),
    ],
)
def test_the_rule_finds_a_planted_offence(file, source, offence):
    assert offences(PACKAGE / file, source) == [offence]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "models/model.py",
            "import math\nimport torch\nfrom . import layers\nfrom seganypet.errors import X",
        ),
        ("io/nifti.py", "import nibabel as nib\nfrom seganypet.volume import Volume\nfrom .write import x"),
        ("evaluation/protocol.py", "from seganypet.inference import Session\nfrom scipy import ndimage"),
        ("__init__.py", "from seganypet.volume import Volume\nfrom seganypet.io import read_volume"),
        ("cli/train.py", "from seganypet.training import loop\nfrom seganypet import __version__"),
    ],
)
def test_the_rule_accepts_what_the_table_allows(file, source):
    assert offences(PACKAGE / file, source) == []


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("seganypet", ("torch",)),
        ("seganypet.cli", ("torch", "matplotlib", "nibabel", "pydicom")),
        ("seganypet.io", ("torch",)),
        ("seganypet.analysis", ("torch",)),
        ("seganypet.models", ("nibabel", "pydicom")),
        ("seganypet.client", ("torch", "fastapi", "matplotlib")),
    ],
)
def test_import_stays_light(module: str, forbidden: tuple[str, ...]):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} does not exist yet")
    code = f"import sys, {module}; print(*(set({forbidden!r}) & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
