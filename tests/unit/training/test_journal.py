"""The run folder tells the whole story of a training, on disk and on standard error."""

from __future__ import annotations

import builtins
import errno
import hashlib
import io
import json
import signal
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny_training import RECIPE, interrupt_at, recipe_of, run_tiny
from torch.utils.tensorboard import SummaryWriter

from seganypet.errors import OutputError, SegAnyPETWarning, TrainingError
from seganypet.training import progress
from seganypet.training.distributed import Processes
from seganypet.training.journal import Journal, prepare_run_folder


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def scores(network: torch.nn.Module, step: int) -> dict[str, float]:
    return {"score": step / 10, "liver": step / 20}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run that was stopped after step 3 of 6, between two lines of the log, and resumed."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "cohort.csv").write_text("case\n")
    go = partial(
        run_tiny,
        folder / "run",
        validate=scores,
        inputs=[folder / "cohort.csv"],
        config=recipe_of(validate_every=3),
    )
    go(between=partial(interrupt_at, 2, signal.SIGTERM))
    go(resume=True)
    return folder / "run"


def test_folder_holds_everything(run):
    names = {"recipe.json", "run.json", "log.jsonl", "validation.jsonl", "tensorboard", "checkpoint.pt"}
    assert {path.name for path in run.iterdir()} == {*names, "lock"}


def test_recipe_is_stored(run):
    assert json.loads((run / "recipe.json").read_text()) == json.loads(json.dumps(RECIPE))


def test_record_names_every_session(run):
    first, second = json.loads((run / "run.json").read_text())["sessions"]
    for session in (first, second):
        assert session["command"] == sys.argv
        assert session["inputs"][0]["sha256"] == hashlib.sha256(b"case\n").hexdigest()
        assert session["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
        assert session["config"] == json.loads(json.dumps(RECIPE))
        assert (session["processes"], session["device"]) == (1, "cpu")
        assert session["started"] <= session["finished"]
        assert session["duration_s"] > 0
    assert (first["outcome"], first["first_step"], first["last_step"]) == ("stopped", 0, 3)
    assert first["message"] == "stopped by SIGTERM after step 3; continue with --resume"
    assert (second["outcome"], second["first_step"], second["last_step"]) == ("finished", 3, 6)
    assert second["message"] == "all 6 steps are done"


def test_log_has_a_line_per_interval(run):
    found = lines(run / "log.jsonl")
    assert [line["step"] for line in found] == [2, 4, 6]
    for line in found:
        assert line["terms"]["doubled"] == pytest.approx(2 * line["loss"], rel=1e-5)
        assert line["terms"].keys() == {"doubled"}  # "absent" never was a number
        assert line["samples_per_second"] > 0
        assert "skipped_steps" not in line
    seconds = [line["seconds"] for line in found]
    assert seconds == sorted(seconds)
    # The rate falls to a tenth after step 3; the line tells that of the step it ends with.
    assert [line["learning_rate"]["image_encoder"] for line in found] == pytest.approx([0.05, 0.005, 0.005])
    assert [line["learning_rate"]["mask_decoder"] for line in found] == pytest.approx([5e-3, 5e-4, 5e-4])


def test_last_line_comes_with_the_last_step(tmp_path):
    run_tiny(tmp_path, recipe_of(steps=5))
    assert [line["step"] for line in lines(tmp_path / "log.jsonl")] == [2, 4, 5]


def test_line_holds_the_means_since_the_last_and_the_rate_of_its_own_step(tmp_path, run):
    run_tiny(tmp_path, recipe_of(log_every=1))
    single, pairs = lines(tmp_path / "log.jsonl"), lines(run / "log.jsonl")
    for name in ("loss", "gradient_norm"):
        values = [each[name] for each in single]
        means = [(values[n] + values[n + 1]) / 2 for n in (0, 2, 4)]
        assert [each[name] for each in pairs] == pytest.approx(means, rel=1e-5)
    rates = [each["learning_rate"]["image_encoder"] for each in single]
    assert rates == pytest.approx([0.05] * 3 + [0.005] * 3)


def test_validation_has_a_line_each(run):
    expected = [{"step": step, "score": step / 10, "liver": step / 20} for step in (3, 6)]
    assert lines(run / "validation.jsonl") == expected


def test_tensorboard_shows_the_same_curves(run):
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    logged = lines(run / "log.jsonl")
    for tag, values in {
        "loss": [line["loss"] for line in logged],
        "terms/doubled": [line["terms"]["doubled"] for line in logged],
        "learning_rate/prompt_encoder": [line["learning_rate"]["prompt_encoder"] for line in logged],
        "validation/liver": [0.15, 0.3],
    }.items():
        shown = events.Scalars(tag)
        assert [event.value for event in shown] == pytest.approx(values)
        assert [event.step for event in shown] == ([3, 6] if tag.startswith("validation") else [2, 4, 6])
    assert "step" not in events.Tags()["scalars"]


def begun(folder: Path, step: int, steps: int = 9, **processes: object) -> Journal:
    prepare_run_folder(folder, RECIPE, resume=True)
    journal = Journal(folder, RECIPE, Processes(**processes), steps)
    journal.begin(step, [])
    return journal


def line(step: int, loss: float) -> dict:
    return {"step": step, "loss": loss, "samples_per_second": 1.0}


def test_lines_beyond_the_checkpoint_are_cut_off(tmp_path):
    journal = begun(tmp_path, 0)
    for step in (2, 4, 5):
        journal.log(line(step, 1.0))
        journal.validated(step, {"score": 0.5})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 8, "lo')  # killed while writing
    time.sleep(1.1)  # TensorBoard orders its files by their names, which begin with the second
    journal = begun(tmp_path, 4)  # the checkpoint of step 4
    journal.log(line(6, 2.0))
    journal.end("finished", "", 6)
    assert [(each["step"], each["loss"]) for each in lines(tmp_path / "log.jsonl")] == [
        (2, 1),
        (4, 1),
        (6, 2),
    ]
    assert [each["step"] for each in lines(tmp_path / "validation.jsonl")] == [2, 4]
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(2, 1), (4, 1), (6, 2)]


def test_unfinished_line_is_dropped_even_if_it_reads_well(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 2}\n{"step": 4}')
    begun(tmp_path, 4).end("finished", "", 4)
    assert (tmp_path / "log.jsonl").read_text() == '{"step": 2}\n'


def test_new_run_in_the_folder_of_one_that_saved_nothing_begins_anew(tmp_path):
    begun(tmp_path, 0).log(line(2, 1.0))
    begun(tmp_path, 0).end("failed", "no reason", 0)
    assert (tmp_path / "log.jsonl").read_text() == ""
    assert len(json.loads((tmp_path / "run.json").read_text())["sessions"]) == 1


def test_record_says_that_the_run_goes_on_or_was_killed(tmp_path):
    outcomes = lambda: [s["outcome"] for s in json.loads((tmp_path / "run.json").read_text())["sessions"]]  # noqa: E731
    begun(tmp_path, 0)
    assert outcomes() == ["running"]
    journal = begun(tmp_path, 3)
    assert outcomes() == ["killed", "running"]
    journal.end("failed", "reason", 3)
    assert outcomes() == ["killed", "failed"]


def test_other_processes_write_and_say_nothing(tmp_path, capsys):
    prepare_run_folder(tmp_path, RECIPE, resume=False)
    before = sorted(tmp_path.iterdir())
    journal = Journal(tmp_path, RECIPE, Processes(rank=1, world=2), 9)
    journal.begin(0, [])
    journal.log(line(2, 1.0))
    journal.validated(2, {"score": 0.5})
    journal.advance(2)
    journal.end("finished", "", 2)
    assert sorted(tmp_path.iterdir()) == before
    assert capsys.readouterr().err == ""


def test_without_a_terminal_every_interval_has_a_line(tmp_path, capsys):
    run_tiny(tmp_path, recipe_of(), validate=scores)
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == f"training in {tmp_path} from step 0 to 6: 1 process, the first on cpu"
    assert [text.split("  ")[0] for text in shown[1:4]] == ["step 2/6", "step 4/6", "step 6/6"]
    assert all(
        "loss" in text and "samples/s" in text and text.endswith("0:00:00 left") for text in shown[1:4]
    )
    assert shown[4:] == ["validation after step 6: score 0.6000", "all 6 steps are done"]


def test_time_left_is_that_of_the_steps_to_come(tmp_path, capsys, monkeypatch):
    """Steps 3 to 6 took 40 s, so 369 more take 3690 s."""
    clock = iter([100.0, 140.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    journal = begun(tmp_path, 2, steps=375)
    journal.log(line(6, 0.25))
    assert "step 6/375  loss 0.25  1 samples/s  1:01:30 left" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    run_tiny(tmp_path, recipe_of(), validate=scores)
    shown = terminal.getvalue()
    assert "6/6" in shown
    assert "samples/s" in shown
    assert "validation after step 6: score 0.6000" in shown


def test_without_tensorboard_training_goes_on(tmp_path, monkeypatch):
    whole_import = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "torch.utils.tensorboard":
            raise ImportError(name)
        return whole_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.warns(SegAnyPETWarning, match="TensorBoard is not installed: no curves are written"):
        state = run_tiny(tmp_path, recipe_of())
    assert state.step == 6
    assert len(lines(tmp_path / "log.jsonl")) == 3
    assert not (tmp_path / "tensorboard").exists()


def finished_without_curves(folder: Path, reason: str) -> None:
    """Train to the end, with one warning that names the folder of the curves."""
    with pytest.warns(SegAnyPETWarning) as caught:
        state = run_tiny(folder, recipe_of(), validate=scores)
    assert state.step == 6
    assert [line["step"] for line in lines(folder / "log.jsonl")] == [2, 4, 6]
    assert [str(warning.message) for warning in caught] == [
        f"{folder / 'tensorboard'}: cannot be written ({reason}): no curves are written, log.jsonl has the same "
        "numbers; free space, or move what is in the way, and resume to have them again"
    ]


def test_where_curves_have_no_folder_training_goes_on(tmp_path):
    (tmp_path / "tensorboard").write_text("")
    finished_without_curves(tmp_path, "File exists")


@pytest.mark.parametrize("method", ["add_scalar", "flush", "close"])
def test_where_the_disk_is_too_full_for_curves_training_goes_on(tmp_path, monkeypatch, method):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SummaryWriter, method, full)
    finished_without_curves(tmp_path, "No space left on device")


def test_log_that_cannot_be_written_stops_the_run(tmp_path):
    journal = begun(tmp_path, 0)
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(
        OutputError, match=r"log\.jsonl: cannot be written \(Is a directory\); free space, then resume"
    ):
        journal.log(line(2, 1.0))


def test_refuses_the_folder_of_another_recipe_even_before_its_first_checkpoint(tmp_path):
    prepare_run_folder(tmp_path, RECIPE, resume=False)
    other = RECIPE | {"loop": {"steps": 8, "log_every": 2}}
    with pytest.raises(
        TrainingError, match=r"recipe\.json: the run has loop\.steps 6, not 8; resume with the same"
    ):
        prepare_run_folder(tmp_path, other, resume=True)
    assert json.loads((tmp_path / "recipe.json").read_text())["loop"]["steps"] == 6


def test_recipe_of_the_newest_session_is_kept(tmp_path):
    prepare_run_folder(tmp_path, RECIPE, resume=False)
    newest = RECIPE | {"loop": {"steps": 6, "log_every": 3}}
    prepare_run_folder(tmp_path, newest, resume=True)
    assert json.loads((tmp_path / "recipe.json").read_text())["loop"]["log_every"] == 3


@pytest.mark.parametrize("name", ["recipe.json", "run.json"])
def test_refuses_a_damaged_record(tmp_path, name):
    begun(tmp_path, 0).end("stopped", "", 2)
    (tmp_path / name).write_text("{")
    with pytest.raises(
        TrainingError, match=rf"{name} cannot be read \(.*\); restore it, or choose another folder"
    ):
        begun(tmp_path, 2)


@pytest.mark.parametrize(
    "content", ["{}", "[]", "3", '{"sessions": {}}', '{"sessions": [3]}', '{"sessions": [{}]}']
)
def test_refuses_a_record_without_sessions(tmp_path, content):
    begun(tmp_path, 0).end("stopped", "", 2)
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(
        TrainingError,
        match=r"run\.json holds no sessions; restore it, or remove it to record only those to come",
    ):
        begun(tmp_path, 2)
    (tmp_path / "run.json").unlink()
    begun(tmp_path, 2).end("finished", "", 2)


def test_refuses_a_recipe_that_is_none_without_showing_the_run_s(tmp_path):
    begun(tmp_path, 0).end("stopped", "", 2)
    (tmp_path / "recipe.json").write_text("[1, 2]")
    with pytest.raises(
        TrainingError, match=r"recipe\.json holds no recipe; put back .*another folder$"
    ) as caught:
        begun(tmp_path, 2)
    assert "milestones" not in str(caught.value)


@pytest.mark.parametrize("damaged", ['{"loss": 1.0}', "[1]", "3", '{"step": "two"}'])
def test_refuses_a_log_with_a_line_that_tells_no_step(tmp_path, damaged):
    text = f'{{"step": 1}}\n{damaged}\n{{"step": 2}}\n'
    (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(
        TrainingError, match=r"log\.jsonl: line 2 tells no step; remove it, or choose another"
    ):
        begun(tmp_path, 2)
    assert (tmp_path / "log.jsonl").read_text() == text


def test_refuses_a_log_that_is_no_text(tmp_path):
    (tmp_path / "log.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(
        TrainingError, match=r"log\.jsonl cannot be read \(.*utf-8.*\); restore it, or choose"
    ):
        begun(tmp_path, 2)


@pytest.mark.parametrize("inside", [False, True])
def test_refuses_a_folder_that_is_a_file_or_lies_in_one(tmp_path, inside):
    (tmp_path / "file").write_text("")
    run = tmp_path / "file" / "run" if inside else tmp_path / "file"
    for refused in (
        lambda: prepare_run_folder(run, RECIPE, resume=False),
        lambda: run_tiny(run, recipe_of()),
    ):
        with pytest.raises(
            OutputError, match=r"/file: is a file(, so .*/run cannot lie in it)?; choose another"
        ):
            refused()
