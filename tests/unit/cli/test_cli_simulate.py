"""What the options of `simulate` mean, and what is refused before any work."""

import json
import sys

import pytest

import seganypet.phantom.cohort
from seganypet.cli import build_parser, main
from seganypet.cli.simulate import cohort_config, phantom_config
from seganypet.io.manifest import ManifestRow
from seganypet.phantom import PhantomConfig

GIVEN = ["simulate", "-o", "cohort", "--cases", "5"]


def parsed(*options):
    return build_parser().parse_args([*GIVEN, *options])


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Run in an empty folder with a simulation that does nothing; return what it was asked for."""
    calls = []

    def simulate(folder, config, *, jobs, on_case):
        calls.append((folder, config, jobs, on_case))
        folder.mkdir()
        if on_case:
            on_case(0, config.cases)
            on_case(config.cases, config.cases)
        return [
            ManifestRow(
                case=f"case_{n}{suffix}",
                image=folder / f"{n}.nii.gz",
                split="train" if n < 4 else "val",
                quality=quality,
                tracer="fdg",
                centre="somewhere",
            )
            for n in range(config.cases)
            for suffix, quality in (("", "hq"), ("_lq", "lq"))
        ]

    monkeypatch.setattr(seganypet.phantom.cohort, "simulate_cohort", simulate)
    monkeypatch.chdir(tmp_path)
    return calls


def test_what_is_not_asked_for_keeps_its_default():
    config = cohort_config(parsed())
    assert (config.cases, config.seed, config.labels, config.label_noise) == (5, 0, "hq", "typical")
    assert (config.split, config.anatomies, config.dicom) == ((0.8, 0.1, 0.1), (), False)
    assert config.phantom == PhantomConfig(as_written=True, spacing_mm=None)


def test_options_reach_the_cohort():
    config = cohort_config(
        parsed(
            *(
                "--seed",
                "9",
                "--labels",
                "both",
                "--label-noise",
                "mild",
                "--split",
                "0.6,0.2,0.2",
                "--dicom",
            ),
            *("--anatomy", "a.nii.gz", "--anatomy", "b.nii.gz"),
        )
    )
    assert (config.seed, config.labels, config.label_noise, config.dicom) == (9, "both", "mild", True)
    assert config.split == (0.6, 0.2, 0.2)
    assert [path.name for path in config.anatomies] == ["a.nii.gz", "b.nii.gz"]


@pytest.mark.parametrize("tracer", ["fdg", "psma", "dotatate", "flt", "fapi", "random", "mixed"])
def test_every_tracer_can_be_asked_for(tracer):
    assert phantom_config(parsed("--tracer", tracer)).tracer == tracer


def test_a_scanner_brings_its_voxels_unless_a_size_is_given():
    named = phantom_config(parsed("--scanner", "ge_discovery_690"))
    assert (named.scanner, named.spacing_mm) == ("ge_discovery_690", None)
    sized = phantom_config(parsed("--scanner", "ge_discovery_690", "--spacing", "5,5,4"))
    assert (sized.scanner, sized.spacing_mm) == ("ge_discovery_690", (5, 5, 4))
    assert phantom_config(parsed("--spacing", "5,5,4")).spacing_mm == (5, 5, 4)


def test_lesions_are_chosen_by_preset():
    assert phantom_config(parsed("--lesions", "lymphoma")).lesions == "lymphoma"


def test_reports_and_records_the_run(written, capsys, tmp_path):
    assert main([*GIVEN, "--jobs", "2"]) == 0
    ((folder, config, jobs, on_case),) = written
    assert (str(folder), config.cases, jobs, on_case) == ("cohort", 5, 2, None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:5]] == [
        ["cases", "5"],
        ["split", "4", "train,", "1", "val"],
        ["tracer", "5", "fdg"],
        ["centre", "5", "somewhere"],
        ["labels", "hq,", "lq"],
    ]
    assert lines[5:] == [f"wrote cohort/{name}" for name in ("manifest.csv", "labels.json", "simulate.json")]
    record = json.loads((tmp_path / "cohort" / "simulate.json").read_text())
    assert record["command"] == ["seganypet", *GIVEN, "--jobs", "2"]
    assert record["config"]["cases"] == 5
    assert record["config"]["phantom"]["tracer"] == "fdg"
    assert record["inputs"] == []


def test_a_terminal_sees_a_bar(written, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(GIVEN) == 0
    assert written[0][3] is not None
    assert "simulating" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cases", "0"], "cases is 0; expected 1 or more"),
        (["--cases", "many"], "--cases: invalid int value: 'many'"),
        (["--seed", "-1"], "seed is -1"),
        (["--jobs", "0"], "jobs is 0"),
        (["--tracer", "water"], "tracer 'water'; expected one of fdg, psma"),
        (["--lesions", "warts"], "lesions 'warts'; expected one of lymphoma"),
        (["--scanner", "camera"], "scanner 'camera'; expected one of clinical"),
        (["--spacing", "4,4"], "'4,4' is not X,Y,Z"),
        (["--spacing", "0,4,4"], "spacing_mm (0.0, 4.0, 4.0)"),
        (["--labels", "best"], "invalid choice: 'best'"),
        (["--labels", "lq", "--label-noise", "wild"], "label_noise is 'wild'"),
        (["--label-noise", "mild"], "add --labels lq or both"),
        (["--tissues", "table.json"], "give --anatomy as well"),
        (["--split", "0.8,0.2"], "'0.8,0.2' is not TRAIN,VAL,TEST"),
        (["--split", "0.8,0.1,0.2"], "adds up to 1.1"),
        (["--anatomy", "none.nii.gz"], "none.nii.gz: no such file"),
    ],
)
def test_refuses_before_any_work(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main([*GIVEN, *options]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert message in line
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_needs_a_folder_and_a_number(capsys):
    assert main(["simulate", "--cases", "3"]) == 2
    assert "-o/--output" in capsys.readouterr().err
    assert main(["simulate", "-o", "cohort"]) == 2
    assert "--cases" in capsys.readouterr().err
