"""The loop: bounded by time, resumable, and never with half a checkpoint."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from seganypet.errors import SegAnyPETError
from seganypet.models.compact import CompactSegmenter
from seganypet.training import loop
from seganypet.training.cases import save_case
from seganypet.training.loop import State, TrainingConfig, train


@pytest.fixture(autouse=True)
def in_one_process(monkeypatch):
    """Draw the patches in this process: starting another takes longer than three steps."""
    monkeypatch.setattr(
        loop, "DataLoader", lambda stream, batch_size, **_: DataLoader(stream, batch_size=batch_size)
    )


@pytest.fixture
def ticking(monkeypatch):
    """A clock that goes on by a second whenever it is read; a step reads it at its start and end."""

    def restart() -> None:
        seconds = itertools.count()
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(seconds))))

    restart()
    return restart


def seconds(recipe: TrainingConfig, time: float) -> TrainingConfig:
    return replace(recipe, minutes=time / 60)


def weights(network: CompactSegmenter) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_run_of_three_steps(tmp_path, cases, tiny_recipe, ticking):
    state = train(tmp_path / "run", cases, None, tiny_recipe, log_every=1)
    assert state.step == 3
    assert state.seconds == 3.0
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["checkpoint.pt", "log.jsonl"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert [line["minutes"] for line in lines] == [0.02, 0.03, 0.05]
    assert all(0 < line["loss"] < 3 and 0 <= line["dice_first_click"] <= 1 for line in lines)


def test_checkpoint_holds_all_of_the_state_and_the_recipe(tmp_path, cases, tiny_recipe, ticking):
    state = train(tmp_path, cases, None, tiny_recipe)
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert stored["step"] == 3
    assert stored["seconds"] == 3.0
    assert stored["config"] == asdict(tiny_recipe)
    for part, network in (("model", state.model), ("average", state.average)):
        assert all(torch.equal(stored[part][name], p) for name, p in network.named_parameters())
    assert len(stored["optimiser"]["state"]) == len(list(state.model.parameters()))


def test_training_changes_the_weights_and_the_average_follows(tmp_path, cases, tiny_recipe, ticking):
    state = train(tmp_path, cases, None, tiny_recipe)
    torch.manual_seed(tiny_recipe.seed)
    begun = weights(CompactSegmenter(tiny_recipe.architecture))
    moved, followed = (float((weights(m) - begun).norm()) for m in (state.model, state.average))
    assert moved > 1e-3
    assert 0 < followed < moved


def test_same_seed_gives_the_same_weights(tmp_path, cases, tiny_recipe, ticking):
    one = train(tmp_path / "one", cases, None, tiny_recipe)
    ticking()
    same = train(tmp_path / "same", cases, None, tiny_recipe)
    ticking()
    other = train(tmp_path / "other", cases, None, replace(tiny_recipe, seed=1))
    assert torch.equal(weights(one.model), weights(same.model))
    assert not torch.equal(weights(one.model), weights(other.model))


def test_resume_continues_where_the_run_ended(tmp_path, cases, tiny_recipe, ticking):
    first = train(tmp_path, cases, None, tiny_recipe)
    ticking()
    second = train(tmp_path, cases, None, seconds(tiny_recipe, 4.5), resume=True)
    assert (second.step, second.seconds) == (5, 5.0)
    assert not torch.equal(weights(second.model), weights(first.model))
    stored = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert (stored["step"], stored["seconds"]) == (5, 5.0)


def test_resume_after_the_time_is_up_changes_nothing(tmp_path, cases, tiny_recipe, ticking):
    first = train(tmp_path, cases, None, tiny_recipe)
    again = train(tmp_path, cases, None, tiny_recipe, resume=True)
    assert again.step == 3
    assert torch.equal(weights(again.model), weights(first.model))
    assert torch.equal(weights(again.average), weights(first.average))
    states = (s.optimiser.state_dict()["state"][0] for s in (first, again))
    kept, loaded = (s["exp_avg_sq"] for s in states)
    assert torch.equal(kept, loaded)


def test_refuses_to_overwrite_a_run(tmp_path, cases, tiny_recipe, ticking):
    train(tmp_path, cases, None, tiny_recipe)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(SegAnyPETError, match=r"checkpoint\.pt exists; continue it with --resume or choose"):
        train(tmp_path, cases, None, tiny_recipe)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_refuses_a_checkpoint_of_other_sizes(tmp_path, cases, tiny_recipe, ticking):
    train(tmp_path, cases, None, tiny_recipe)
    wider = replace(tiny_recipe, architecture=replace(tiny_recipe.architecture, channels=(4, 8, 16)))
    with pytest.raises(SegAnyPETError, match="holds a network of other sizes; choose another folder"):
        train(tmp_path, cases, None, wider, resume=True)


@pytest.mark.parametrize("kept", [0, 100, -100])
def test_refuses_a_truncated_checkpoint(tmp_path, cases, tiny_recipe, ticking, kept):
    train(tmp_path, cases, None, seconds(tiny_recipe, 0.5))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SegAnyPETError, match=r"checkpoint\.pt cannot be read .*; remove it to start anew"):
        train(tmp_path, cases, None, tiny_recipe, resume=True)


def test_kill_while_saving_leaves_the_last_checkpoint(tmp_path, cases, tiny_recipe, ticking, monkeypatch):
    train(tmp_path, cases, None, tiny_recipe)

    def killed(content: object, path: object) -> None:
        path.write_bytes(b"half a")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, cases, None, seconds(tiny_recipe, 4.5), resume=True)
    assert (tmp_path / "checkpoint.partial").read_bytes() == b"half a"
    ticking()
    state = train(tmp_path, cases, None, seconds(tiny_recipe, 3.5), resume=True)
    assert state.step == 4
    assert not (tmp_path / "checkpoint.partial").exists()


def test_checkpoint_is_written_every_two_minutes(tmp_path, cases, tiny_recipe, monkeypatch):
    clock = itertools.count(step=25)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    saved = []
    monkeypatch.setattr(loop, "_save", lambda path, content: saved.append(content["step"]))
    state = train(tmp_path, cases, None, seconds(tiny_recipe, 160))
    # A reading before the loop, three a step and one at a save: 25 + 75 n. Steps last 25 s, saves come after 120 s.
    assert state.step == 7
    assert saved == [2, 4, 6, 7]


def bad_loss(value: float):
    return lambda: lambda prediction, reference: prediction.mean() * value


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_loss_that_is_not_finite_stops_the_run(tmp_path, cases, tiny_recipe, ticking, monkeypatch, value):
    train(tmp_path, cases, None, tiny_recipe)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr(loop, "dice_cross_entropy", bad_loss(value))
    with pytest.raises(
        SegAnyPETError, match=r"the loss is -?(nan|inf) at step 3; lower the learning rate and"
    ):
        train(tmp_path, cases, None, seconds(tiny_recipe, 4.5), resume=True)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_gradient_that_is_not_finite_reaches_no_weight(tmp_path, cases, tiny_recipe, ticking, monkeypatch):
    # The root's derivative at 0 is infinite: the loss is 0, its gradient not a number.
    monkeypatch.setattr(loop, "dice_cross_entropy", lambda: lambda p, r: (p * 0).sum().sqrt())
    with pytest.raises(SegAnyPETError, match="the gradient is nan at step 0"):
        train(tmp_path, cases, None, tiny_recipe)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_refuses_a_folder_without_cases(tmp_path, tiny_recipe):
    with pytest.raises(SegAnyPETError, match="nothing: no training cases with targets"):
        train(tmp_path / "run", tmp_path / "nothing", None, tiny_recipe)
    assert not (tmp_path / "run").exists()


def test_refuses_cases_without_targets(tmp_path, tiny_recipe):
    empty = torch.zeros(8, 8, 8, dtype=torch.uint8).numpy()
    save_case(tmp_path / "cases" / "one", empty, empty, empty, {}, 4.0)
    with pytest.raises(SegAnyPETError, match="no training cases with targets"):
        train(tmp_path / "run", tmp_path / "cases", None, tiny_recipe)


@pytest.mark.parametrize(
    ("step", "seconds_done", "expected"),
    [
        (0, 0, 0.1),  # 1/10 of the warm-up
        (4, 0, 0.5),
        (9, 0, 1.0),
        (100, 15, (1 + math.cos(math.pi / 4)) / 2),
        (100, 30, 0.5),  # the middle of the cosine
        (4, 30, 0.25),
        (100, 60, 0.0),
        (100, 90, 0.0),
    ],
)
def test_learning_rate_by_hand(step, seconds_done, expected):
    recipe = TrainingConfig(learning_rate=1.0, warmup_steps=10, minutes=1.0)
    state = State(None, None, None, step=step, seconds=seconds_done)
    assert loop._learning_rate(state, recipe) == pytest.approx(expected)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.9), (1, 1 - 2 / 11), (10_000, 0.1)])
def test_average_by_hand(step, expected):
    """The part of the new weights is 1 - (1 + n) / (10 + n) at first, later 1 - decay."""
    model, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).requires_grad_(False)
    torch.nn.init.ones_(model.weight)
    torch.nn.init.zeros_(average.weight)
    loop._update_average(State(model, average, None, step=step), 0.9)
    assert float(average.weight) == pytest.approx(expected)


def test_loss_is_small_for_the_right_answer_only():
    loss, reference = loop.dice_cross_entropy(), torch.zeros(1, 1, 4, 4, 4)
    reference[..., :2] = 1.0
    right, unsure, wrong = (float(loss((reference * 2 - 1) * s, reference)) for s in (20.0, 0.0, -20.0))
    assert right < 1e-3
    # Dice of 1/2 everywhere, squared: 1 - 2 · 16 / (64 / 4 + 32) = 1/3; cross-entropy ln 2.
    assert unsure == pytest.approx(1 / 3 + math.log(2), abs=1e-4)
    assert wrong > 20
