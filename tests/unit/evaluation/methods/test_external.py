"""Programs of others: what they are given, what they may answer, and every way in which they fail."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.external import ENTRIES, ExternalMethod, command_of, run_command
from seganypet.evaluation.methods.interface import Scan
from seganypet.prompts import Click
from seganypet.volume import Volume

# Oblique, with axes in another order than the body's.
AFFINE = np.array([[0.0, -3.0, 0.4, 20], [0.3, 0.2, 4.0, -60], [-2.5, 0, 0.3, 800], [0, 0, 0, 1]])
SHAPE = (6, 7, 5)

PRELUDE = """
import json, sys
import nibabel as nib
import numpy as np
request = json.load(open(sys.argv[-1]))
image = nib.load(request["image"])
mask = np.zeros(image.shape, np.uint8)
def write(mask=mask, affine=image.affine):
    nib.save(nib.Nifti1Image(mask, affine), request["output"])
"""


@pytest.fixture
def scan() -> Scan:
    suv = np.random.default_rng(0).uniform(0.5, 8, SHAPE).astype(np.float32)
    return Scan(case="a case", volume=Volume(suv, AFFINE))


@pytest.fixture
def program(tmp_path):
    """Return what writes a program and returns the command that runs it."""

    def write(body: str) -> str:
        path = tmp_path / "a program.py"
        path.write_text(PRELUDE + body)
        return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))} --flag 'two words'"

    return write


def started(command, scan, **settings) -> ExternalMethod:
    method = ExternalMethod(command, **settings)
    method.start(scan)
    return method


def test_each_answer_is_given_all_clicks(program, scan, tmp_path):
    command = program(f"""
for click in request["clicks"]:
    mask[tuple(int(c) for c in click["ijk"])] = click["positive"]
write()
open({str(tmp_path / "seen.jsonl")!r}, "a").write(json.dumps([request, sys.argv[1:3]]) + "\\n")
""")
    method = started(command, scan)
    assert method.prompting == "clicks"
    assert not method.restart("liver").any()
    first = method.click(Click((1, 2, 3)))
    assert np.argwhere(first).tolist() == [[1, 2, 3]]
    assert np.argwhere(method.click(Click((4, 0, 1)))).tolist() == [[1, 2, 3], [4, 0, 1]]
    assert np.argwhere(method.click(Click((1, 2, 3), positive=False))).tolist() == [[4, 0, 1]]
    assert not method.restart("spleen").any()
    assert np.argwhere(method.click(Click((0, 0, 0)))).tolist() == [[0, 0, 0]]
    seen = [json.loads(line) for line in (tmp_path / "seen.jsonl").read_text().splitlines()]
    assert [len(request["clicks"]) for request, _ in seen] == [1, 2, 3, 1]
    request, arguments = seen[1]
    assert arguments == ["--flag", "two words"]
    assert (request["version"], request["case"], request["target"]) == (1, "a case", "")
    assert request["spacing_mm"] == pytest.approx(scan.volume.spacing_mm)
    # AFFINE @ (4, 0, 1, 1)
    assert request["clicks"][1] == {
        "ijk": [4, 0, 1],
        "ras_mm": pytest.approx([20.4, -54.8, 790.3]),
        "positive": True,
    }


def test_the_image_is_the_pet_on_its_grid(program, scan, tmp_path):
    kept = tmp_path / "kept.nii.gz"
    method = started(program(f"nib.save(image, {str(kept)!r})\nwrite()"), scan)
    method.click(Click((1, 2, 3)))
    image = nib.load(kept)
    np.testing.assert_array_equal(image.get_fdata(dtype=np.float32), scan.volume.array)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-4)


def test_the_target_alone_prompts_text_models(program, scan):
    method = started(program("mask[:, :, len(request['target']) % 5] = 1\nwrite()"), scan, prompting="target")
    assert method.restart("liver")[..., 0].all()
    assert method.restart("spleen")[..., 1].all()
    with pytest.raises(MethodError, match="takes no clicks"):
        method.click(Click((1, 2, 3)))


def test_a_new_scan_replaces_the_last(program, scan):
    method = started(program("write((image.get_fdata() > 5).astype(np.uint8))"), scan)
    method.click(Click((1, 2, 3)))
    other = np.full((4, 4, 4), 1.0, np.float32)
    other[1, 1, 1] = 9
    method.start(Scan(case="b", volume=Volume(other, np.diag([2.0, 2, 2, 1]))))
    assert np.argwhere(method.click(Click((0, 0, 0)))).tolist() == [[1, 1, 1]]


def test_the_folder_goes_with_the_method(program, scan, tmp_path):
    kept = tmp_path / "where"
    method = started(program(f"open({str(kept)!r}, 'w').write(request['image'])\nwrite()"), scan)
    method.click(Click((1, 2, 3)))
    image = Path(kept.read_text())
    assert image.is_file()
    del method
    assert not image.parent.exists()


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("sys.exit('no weights at /here')", "ended with 1: no weights at /here"),
        ("raise ValueError('x' * 900 + ' the end')", "x the end$"),
        ("sys.exit(3)", "ended with 3: nothing on stderr"),
        ("", r"wrote no mask\.nii\.gz; see `output`"),
        ("open(request['output'], 'w').write('hello')", "its mask cannot be used: .*no NIfTI"),
        ("write(mask[:-1])", "its mask cannot be used: .*not on the image's grid"),
        ("write(affine=image.affine @ np.diag([-1, 1, 1, 1]))", "its mask cannot be used: .*resample it"),
        ("write(mask + 2)", "its mask cannot be used: .*values other than 0 and 1"),
    ],
)
def test_refuses_what_is_no_answer(program, scan, body, match):
    method = started(program(body), scan)
    with pytest.raises(MethodError, match=match):
        method.click(Click((1, 2, 3)))


def test_an_old_mask_is_no_answer(program, scan, tmp_path):
    flag = tmp_path / "flag"
    method = started(program(f"import os\nif not os.path.exists({str(flag)!r}): write()"), scan)
    method.click(Click((1, 2, 3)))
    flag.touch()
    with pytest.raises(MethodError, match="wrote no"):
        method.click(Click((1, 2, 4)))


def test_refuses_to_wait_for_ever_and_ends_what_was_started(program, scan, tmp_path):
    late = tmp_path / "late"
    child = f"import time; time.sleep(2.5); open({str(late)!r}, 'w')"
    body = f"import subprocess\nsubprocess.run([sys.executable, '-c', {child!r}])"
    method = started(program(body), scan, timeout_s=1.5)
    begun = time.monotonic()
    with pytest.raises(MethodError, match=r"gave no answer in 1\.5 s"):
        method.click(Click((1, 2, 3)))
    assert time.monotonic() - begun < 2.4
    time.sleep(2)
    assert not late.exists()


def test_refuses_a_program_that_is_not_there():
    with pytest.raises(MethodError, match=r"/nowhere/program: no such program; give its path"):
        ExternalMethod("/nowhere/program --x")


def test_refuses_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(MethodError, match=r"gone: cannot be started .*check the command"):
        run_command([str(tmp_path / "gone")], timeout_s=1)


@pytest.mark.parametrize(("text", "match"), [("  ", "is empty"), ("run 'it", "cannot be parsed")])
def test_refuses_a_command_that_is_none(text, match):
    with pytest.raises(MethodError, match=match):
        command_of(text)


@pytest.mark.parametrize(
    ("name", "prompting"), [("segvol", "clicks"), ("sat", "target"), ("command", "clicks")]
)
def test_entries(name, prompting):
    assert ENTRIES[name].build(shlex.quote(sys.executable), Options()).prompting == prompting
