"""`seganypet study`: logs and work folders to the comparison."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from seganypet.app.changes import Change
from seganypet.app.store import Store
from seganypet.cli import main
from seganypet.io import write_json
from seganypet.io.study_log import StudyReading, study_log
from study_readings import SHAPE, simple


@pytest.fixture
def write(tmp_path):
    """Write readings as a study log; return its path."""

    def write(name: str, *readings: StudyReading):
        path = tmp_path / name
        write_json(study_log(readings), path)
        return path

    return write


@pytest.fixture
def logs(write):
    both = [
        simple(seconds, assisted=assisted, scan=scan)
        for scan, seconds, assisted in (("a", 50, False), ("a", 10, True), ("b", 30, False), ("b", 6, True))
    ]
    return write("first.json", *both[:2]), write("second.json", *both[2:])


def test_the_comparison_is_written_and_printed(logs, tmp_path, capsys):
    folder = tmp_path / "new" / "study"
    assert main(["study", *map(str, logs), "-o", str(folder)]) == 0
    rows = list(csv.DictReader((folder / "study.csv").open(encoding="utf-8")))
    assert [
        (r["scan"], r["reader"], r["manual_s"], r["assisted_s"], r["saving_pct"], r["dice"]) for r in rows
    ] == [
        ("a", "Ada", "50.000", "10.000", "80.00", "1.0000"),
        ("b", "Ada", "30.000", "6.000", "80.00", "1.0000"),
    ]
    assert "| Ada | 2 | 40.0 ± 14.1 s | 8.0 ± 2.8 s | 80.00 % | – |" in (folder / "study.md").read_text(
        encoding="utf-8"
    )
    record = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    assert record["config"] == {"idle_s": 60.0}
    assert [entry["sha256"] != "" for entry in record["inputs"]] == [True, True]
    assert [entry["scan"] for entry in record["readings"]] == ["a", "a", "b", "b"]
    assert record["study"]["comparisons"][0]["saving_pct"] == pytest.approx(80)
    captured = capsys.readouterr()
    assert "80.00 %" in captured.out
    assert f"wrote {folder / 'study.md'}" in captured.out
    assert sorted(path.name for path in folder.iterdir()) == ["study.csv", "study.json", "study.md"]


def test_the_idle_limit_reaches_the_study(logs, tmp_path):
    assert main(["study", str(logs[0]), "-o", str(tmp_path / "out"), "--idle", "5"]) == 0
    record = json.loads((tmp_path / "out" / "study.json").read_text())
    # by hand: two pauses of 25 s; assisted: one of 10 s
    assert record["study"]["scans"][0]["manual"]["seconds"] == 10
    assert record["study"]["scans"][0]["assisted"]["seconds"] == 5


def test_a_work_folder_is_read_beside_its_server(tmp_path, capsys):
    store = Store(tmp_path / "work")
    scan = store.add_scan("pet.nii", tmp_path / "pet.nii")
    change = Change((1, 1, 1), np.ones((2, 2, 2), bool))
    for assisted in (False, True):
        stored = store.begin_reading(scan.id, "Ada", assisted=assisted, shape=SHAPE)
        store.add_event(stored.id, "open", {})
        for done, (kind, details) in enumerate((("add", {"name": "x", "colour": "#ffffff"}), ("mask", {}))):
            store.append(
                stored.id,
                kind=kind,
                object_id=1,
                details=details,
                change=change if done else None,
                seconds=0,
                done=done,
            )
    assert main(["study", str(tmp_path / "work"), "-o", str(tmp_path / "out")]) == 0
    store.close()
    (row,) = csv.DictReader((tmp_path / "out" / "study.csv").open())
    assert (row["scan"], row["manual_object"], row["dice"]) == ("pet.nii", "1 x", "1.0000")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["study", "one.json"], "the following arguments are required: -o/--output"),
        (["study", "none.json", "-o", "out"], "none.json: no such study log; check the path"),
        (["study", "one.json", "-o", "out"], "nobody read a scan both ways"),
        (["study", "one.json", "one.json", "-o", "out"], "is in two logs; give each once"),
        (["study", ".", "-o", "out"], "holds no work.sqlite"),
        (["study", "one.json", "-o", "one.json"], "one.json: is a file; give the folder to write"),
        (["study", "one.json", "-o", "out", "--idle", "0"], "'0' is not above 0"),
        (["study", "study.json", "-o", "."], "would be overwritten"),
    ],
)
def test_what_makes_no_study_is_refused_and_nothing_written(
    arguments, text, write, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    write("one.json", simple(9, assisted=False))
    write("study.json", simple(9, assisted=False), simple(3, assisted=True))
    assert main(arguments) == 2
    assert text in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "study.json"]


def test_a_study_loads_no_torch(logs, tmp_path):
    code = (
        "import sys; from seganypet.cli import main; "
        f"main(['study', {str(logs[0])!r}, '-o', {str(tmp_path / 'out')!r}]); print('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split()[-1] == "False"
