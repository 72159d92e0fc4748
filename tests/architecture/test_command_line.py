"""The command line is a contract: its verbs and options change only together with this list."""

import argparse
import subprocess
import sys

import pytest

from seganypet.cli import VERBS, build_parser, main
from seganypet.io.suv_tags import OVERRIDE_OPTIONS

_ALWAYS = {"-h", "--help", "--debug"}
_CLICKS = {"--click", "--negative", "--click-mm", "--negative-mm"}
_MODEL = {"--weights", "--device", "--precision"}
_READING = {
    "--series",
    "--weight-kg",
    "--dose-bq",
    "--dose-mbq",
    "--injection-time",
    "--reference-time",
    "--half-life-s",
    "--height-m",
    "--sex",
}
_OUTPUT = {"-o", "--output"}
OPTIONS = {
    "segment": _CLICKS
    | _MODEL
    | _READING
    | _OUTPUT
    | {"--box", "--prompts", "--object", "--mask", "--figure"},
    "suv": _READING | _OUTPUT | {"--json"},
    "info": {"--weights", "--json"},
    "demo": _CLICKS | _MODEL | _READING | _OUTPUT | {"--pet"},
    "train": _OUTPUT
    | {"--manifest", "--on-the-fly", "--cache", "--jobs", "--workers"}
    | {"--weights", "--name", "--resume", "--set", "--device", "--minutes"},
    "baseline": _OUTPUT
    | {"--manifest", "--targets", "--epochs", "--iterations", "--minutes", "--patch", "--batch", "--spacing"}
    | {
        "--width",
        "--optimizer",
        "--learning-rate",
        "--normalisation",
        "--no-augmentation",
        "--no-predictions",
        "--device",
        "--jobs",
    },
    "simulate": _OUTPUT
    | {"--cases", "--seed", "--tracer", "--lesions", "--scanner", "--spacing", "--anatomy"}
    | {"--artefacts", "--limited", "--faithful", "--tissues"}
    | {"--labels", "--label-noise", "--split", "--dicom", "--jobs"},
    "evaluate": _OUTPUT
    | {
        "--manifest",
        "--methods",
        "--list-methods",
        "--split",
        "--targets",
        "--lesions",
        "--tolerance",
        "--seen",
    }
    | {"--clicks", "--scheme", "--first", "--later", "--perturbation", "--draws", "--seed"}
    | {"--device", "--precision", "--jobs", "--threads"},
    "benchmark": _MODEL
    | _OUTPUT
    | {"--preset", "--shape", "--spacing-mm", "--clicks", "--threads", "--json"},
    "serve": _MODEL
    | {
        "--host",
        "--port",
        "--work",
        "--manual",
        "--dicomweb",
        "--open",
        "--token",
        "--allow-host",
        "--allow-origin",
    }
    | {"--max-scans", "--max-image-mb", "--max-upload-mb"},
    "study": _OUTPUT | {"--idle"},
}


def subparser(verb: str) -> argparse.ArgumentParser:
    (subparsers,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return subparsers.choices[verb]


def test_the_verbs_are_these():
    assert set(VERBS) == set(OPTIONS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_options_are_these(verb):
    options = {option for action in subparser(verb)._actions for option in action.option_strings}
    assert options - _ALWAYS == OPTIONS[verb]
    assert options >= _ALWAYS


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_explained(verb):
    unexplained = [action.dest for action in subparser(verb)._actions if not action.help]
    assert not unexplained


@pytest.mark.parametrize("argv", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_is_printed(argv, capsys):
    assert main(argv) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("usage: seganypet")
    assert captured.err == ""


@pytest.mark.parametrize("verb", ["segment", "suv", "demo"])
def test_the_options_that_remedies_name_exist(verb):
    named = {text.split()[0] for text in OVERRIDE_OPTIONS.values()}
    assert named <= OPTIONS[verb]


def test_help_loads_no_library():
    code = (
        "import sys; from seganypet.cli import main; main(['--help']); "
        "print(*({'numpy', 'torch', 'nibabel', 'pydicom', 'matplotlib', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.split() == []
