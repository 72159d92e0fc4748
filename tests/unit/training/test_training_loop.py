"""The loop: exact after any interruption, and never spoilt by numbers that are not finite."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny_training
import torch
from tiny_training import TinyObjective, batches, interrupt_at, recipe_of, run_tiny
from torch import Tensor

from seganypet.errors import TrainingError, UsageError
from seganypet.training import loop, stopping
from seganypet.training import step as step_module
from seganypet.training.loop import train
from seganypet.training.optimisation import OptimiserConfig, ScheduleConfig
from seganypet.training.outcome import Outcome
from seganypet.training.sample import Sample
from seganypet.training.state import State, averaged, update_average
from seganypet.training.step import seed_of_step
from seganypet.training.stopping import StopRequests, leave_signals_to_the_loop

TIMING = {"seconds", "samples_per_second"}


def stored(run: Path) -> dict:
    return torch.load(run / "checkpoint.pt", weights_only=True)


def log(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMING} for line in lines]


def assert_same(one: object, other: object, name: str = "") -> None:
    """Assert that two checkpoints agree in every bit, but for times."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), name
        for key in one.keys() - TIMING:
            assert_same(one[key], other[key], f"{name}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), name
        for n, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{name}.{n}")
    elif isinstance(one, Tensor):
        assert torch.equal(one, other), name
    else:
        assert one == other, name


def weights(network: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of six steps that nothing interrupted."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    run_tiny(run, recipe_of())
    return run


# --- What a step does


def test_step_by_hand(tmp_path):
    """Decay, then Adam's first step against the sign of the gradient; the average follows by 1 - 1/10."""
    optimiser, schedule = OptimiserConfig(learning_rate=0.05), ScheduleConfig(kind="constant")
    config = recipe_of(steps=1, optimiser=optimiser, schedule=schedule, ema_decay=0.99)
    begun = TinyObjective().network.mask_decoder[1]
    state = run_tiny(tmp_path, config)
    expected = begun.weight * (1 - 0.05 * 0.1) - 0.05 * state.network.mask_decoder[1].weight.grad.sign()
    torch.testing.assert_close(state.network.mask_decoder[1].weight, expected, rtol=0, atol=1e-6)
    followed = begun.weight + 0.9 * (expected - begun.weight)
    torch.testing.assert_close(state.average.mask_decoder[1].weight, followed, rtol=0, atol=1e-6)


def test_batches_that_accumulate_are_as_one(tmp_path):
    """Four batches of 1 give the gradient, and the loss in the log, of one of 4."""
    grads = []
    for name, accumulation, size in (("four", 4, 1), ("one", 1, 4)):
        config = recipe_of(steps=1, accumulation=accumulation)
        state = run_tiny(tmp_path / name, config, dropout=0.0, size=size)
        grads.append(torch.cat([p.grad.flatten() for p in state.network.parameters() if p.grad is not None]))
    torch.testing.assert_close(*grads, rtol=1e-6, atol=1e-6)
    assert log(tmp_path / "four")[0]["loss"] == pytest.approx(log(tmp_path / "one")[0]["loss"], rel=1e-5)


@pytest.mark.parametrize(("limit", "expected"), [(None, 1.0), (1e6, 1.0), (0.01, None)])
def test_gradient_is_clipped_to_its_limit(tmp_path, limit, expected):
    state = run_tiny(tmp_path, recipe_of(steps=1, clip_norm=limit), dropout=0.0)
    norm = math.sqrt(
        sum(float(p.grad.square().sum()) for p in state.network.parameters() if p.grad is not None)
    )
    logged = log(tmp_path)[0]["gradient_norm"]
    assert logged > 0.1
    assert norm == pytest.approx(0.01 if expected is None else logged, rel=1e-4)


@pytest.mark.parametrize(("step", "expected"), [(0, 0.9), (1, 1 - 2 / 11), (10_000, 0.1)])
def test_average_by_hand(step, expected):
    """The part of the new weights is 1 - (1 + n) / (10 + n) at first, later 1 - decay."""
    network = torch.nn.BatchNorm1d(1)
    average = averaged(network)
    torch.nn.init.zeros_(average.weight)
    network.running_mean.fill_(3.0)
    state = State(network=network, average=average, optimiser=None, schedule=None, scaler=None, step=step)
    update_average(state, 0.9)
    assert float(average.weight) == pytest.approx(expected)
    assert float(average.running_mean) == 3.0
    assert not average.training


def test_without_average_the_network_is_its_own(tmp_path):
    state = run_tiny(tmp_path, recipe_of(ema_decay=None))
    assert state.average is state.network
    assert_same(stored(tmp_path)["average"], stored(tmp_path)["network"])


def test_every_step_and_process_has_random_numbers_of_its_own():
    seeds = {seed_of_step(seed, step, rank) for seed in range(3) for step in range(20) for rank in range(3)}
    assert len(seeds) == 180
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of_step(1, 2, 3) == seed_of_step(1, 2, 3)


def test_seed_changes_what_is_random(tmp_path):
    runs = [
        weights(run_tiny(tmp_path / str(n), recipe_of(seed=seed)).network) for n, seed in enumerate((0, 0, 1))
    ]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


class SeesPrecision(TinyObjective):
    def forward(self, batch, step):
        outcome = super().forward(batch, step)
        on = torch.is_autocast_enabled("cpu")
        self.seen = str(torch.get_autocast_dtype("cpu")) if on else "off"
        return outcome


@pytest.mark.parametrize(
    ("precision", "seen"),
    [("float32", "off"), ("bfloat16", "torch.bfloat16"), ("float16", "torch.float16")],
)
def test_objective_runs_in_the_precision_asked_for(tmp_path, precision, seen):
    state = run_tiny(
        tmp_path, recipe_of(steps=1, precision=precision), objective=(objective := SeesPrecision())
    )
    assert objective.seen == seen
    assert all(p.dtype == torch.float32 for p in state.network.parameters())
    assert state.scaler.is_enabled() == (precision == "float16")


# --- Resuming


@pytest.mark.parametrize("cut", [0, 2, 4])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulation": 1, "precision": "float16", "clip_norm": 0.1},
        {
            "schedule": ScheduleConfig(kind="cosine", warmup_steps=3),
            "ema_decay": None,
            "precision": "bfloat16",
        },
    ],
    ids=["float32", "float16", "bfloat16"],
)
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, changes, cut):
    """Weights, average, optimiser, schedule, scaler and the log agree in every bit; half the weights drop out."""
    config = recipe_of(**changes)
    run_tiny(tmp_path / "whole", config)
    stopped = run_tiny(tmp_path / "cut", config, between=partial(interrupt_at, cut, signal.SIGTERM))
    assert (stopped.step, stopped.stopped_by) == (cut + 1, "SIGTERM")
    resumed = run_tiny(tmp_path / "cut", config, resume=True)
    assert (resumed.step, resumed.stopped_by) == (6, "")
    assert_same(stored(tmp_path / "cut"), stored(tmp_path / "whole"))
    assert log(tmp_path / "cut") == log(tmp_path / "whole")


@pytest.mark.parametrize(("how", "left_at"), [("killed_in_a_step", 4), ("killed_while_saving", 3)])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, whole, how, left_at):
    command = [sys.executable, tiny_training.__file__, how, str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert stored(tmp_path)["step"] == left_at
    hidden = [path.name for path in tmp_path.glob(".*")]
    assert len(hidden) == (how == "killed_while_saving")
    run_tiny(tmp_path, recipe_of(), resume=True)
    assert_same(stored(tmp_path), stored(whole))
    assert log(tmp_path) == log(whole)
    assert not list(tmp_path.glob(".*"))
    sessions = json.loads((tmp_path / "run.json").read_text())["sessions"]
    assert [session["outcome"] for session in sessions] == ["killed", "finished"]


def test_checkpoint_holds_all_of_the_state_and_the_recipe(whole):
    found = stored(whole)
    assert (found["step"], found["skipped"], found["best"], found["tally"]) == (6, 0, None, {})
    assert found["seconds"] > 0
    assert found["recipe"] == {"name": "tiny", "loop": {"steps": 6, "log_every": 2}, "milestones": [0.5]}
    assert len(found["optimiser"]["state"]) == len(found["network"]) - 1  # no gradient for a box's corner


def test_finished_run_is_left_as_it_is(tmp_path):
    run_tiny(tmp_path, recipe_of())
    before = stored(tmp_path)

    def refuse(first: int):
        raise AssertionError("no batch is needed")

    state = train(tmp_path, TinyObjective(), refuse, recipe_of(), recipe=tiny_training.RECIPE, resume=True)
    assert state.step == 6
    assert_same(stored(tmp_path), before)


def test_resume_without_a_checkpoint_begins_and_says_so(tmp_path, capsys):
    state = run_tiny(tmp_path / "run", recipe_of(), resume=True)
    assert state.step == 6
    assert (
        f"{tmp_path / 'run'} has no checkpoint yet: beginning with the first step" in capsys.readouterr().err
    )


def test_refuses_to_overwrite_a_run(tmp_path):
    run_tiny(tmp_path, recipe_of(steps=1))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt exists; continue it with --resume, or choose another"
    ):
        run_tiny(tmp_path, recipe_of())
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_refuses_a_checkpoint_of_another_recipe(tmp_path):
    """The checkpoint counts, even where the recipe beside it was lost."""
    run_tiny(tmp_path, recipe_of(steps=1))
    (tmp_path / "recipe.json").unlink()
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt: the run has name 'tiny', not 'other'; resume with"
    ):
        train(tmp_path, TinyObjective(), batches, recipe_of(), recipe={"name": "other"}, resume=True)


def test_refuses_a_checkpoint_of_another_network(tmp_path):
    run_tiny(tmp_path, recipe_of(steps=1))
    objective = TinyObjective()
    objective.network.mask_decoder[1] = torch.nn.Conv3d(2, 3, 1)
    with pytest.raises(
        TrainingError, match=r"checkpoint\.pt does not fit this network \(.*mask_decoder.*\); choose"
    ):
        run_tiny(tmp_path, recipe_of(), resume=True, objective=objective)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"seconds": None}, r"does not fit this network \('seconds'\)"),
        ({"recipe": None}, "holds no recipe"),
        ({"tally": [1.0]}, "does not fit this network"),
        ({"optimiser": 3}, "does not fit this network"),
    ],
)
def test_refuses_a_checkpoint_that_lacks_something(tmp_path, damage, message):
    run_tiny(tmp_path, recipe_of(steps=1))
    content = torch.load(tmp_path / "checkpoint.pt", weights_only=True) | damage
    torch.save({k: v for k, v in content.items() if damage.get(k, 0) is not None}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match=rf"checkpoint\.pt {message}"):
        run_tiny(tmp_path, recipe_of(), resume=True)


# --- Stopping


def test_time_limit_stops_after_the_step(tmp_path):
    state = run_tiny(tmp_path, recipe_of(), stop_after_s=0.0)
    assert (state.step, state.stopped_by) == (1, "the time limit of 0 s")
    assert stored(tmp_path)["step"] == 1


def test_signal_in_the_last_step_changes_nothing(tmp_path, whole):
    state = run_tiny(tmp_path, recipe_of(), between=partial(interrupt_at, 5, signal.SIGINT))
    assert (state.step, state.stopped_by) == (6, "")
    assert_same(stored(tmp_path), stored(whole))


def test_signals_act_as_before_when_training_is_over(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    run_tiny(tmp_path / "stopped", recipe_of(), between=partial(interrupt_at, 1, signal.SIGINT))
    with pytest.raises(TrainingError):
        run_tiny(tmp_path / "failed", recipe_of(), objective=Broken(1, "nan"))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_repeated_interrupt_stops_at_once_but_not_one_that_came_with_the_first(monkeypatch):
    """Terminals and schedulers signal torchrun as well, which passes it on."""
    clock = iter([0.0, 10.0, 10.1, 10.2, 13.0])
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored, where tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt), StopRequests() as requests:  # noqa: PT012
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(number)
            assert requests.reason == "SIGTERM"
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_data_loading_processes_outlive_signals_for_half_a_minute(monkeypatch):
    alarms: list[int] = []
    monkeypatch.setattr(signal, "alarm", alarms.append)
    monkeypatch.setattr(os, "setsid", lambda: None)  # this process stays where it is
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        leave_signals_to_the_loop(0)
        signal.raise_signal(signal.SIGINT)
        assert alarms == []
        signal.raise_signal(signal.SIGTERM)
        assert alarms == [30]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_batches_are_closed_however_the_training_ends(tmp_path):
    closed: list[str] = []

    def source(first: int) -> Iterator[Sample]:
        try:
            yield from batches(first, config=recipe_of())
        finally:
            closed.append("closed")

    kept = source(0)  # referred to from outside, as by a traceback
    objective = Broken(1, "nan")
    with pytest.raises(TrainingError):
        train(tmp_path, objective, lambda first: kept, recipe_of(), recipe={}, resume=False)
    assert closed == ["closed"]


def test_checkpoint_is_written_when_it_is_time(tmp_path):
    seen = []

    def look(step: int) -> None:
        seen.append(stored(tmp_path)["step"] if step else None)

    run_tiny(tmp_path, recipe_of(accumulation=1, save_every_s=0.0), between=look)
    assert seen == [None, 1, 2, 3, 4, 5]


def test_checkpoints_keep_their_distance(tmp_path, monkeypatch):
    """Steps of 50 s, and a checkpoint where the last is 120 s old: after steps 3 and 6."""
    now, seen = [0.0], []
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def tick(step: int) -> None:
        seen.append(stored(tmp_path)["step"] if (tmp_path / "checkpoint.pt").exists() else None)
        now[0] += 50.0

    state = run_tiny(tmp_path, recipe_of(steps=7, accumulation=1, save_every_s=120.0), between=tick)
    assert seen == [None, None, None, 3, 3, 3, 6]
    assert stored(tmp_path)["step"] == 7
    assert state.seconds == stored(tmp_path)["seconds"] == 350.0


# --- Numbers that are not finite


class Broken(TinyObjective):
    """Its loss, or only its gradient, is not a number in one step."""

    def __init__(self, step: int, what: str, until: int | None = None) -> None:
        super().__init__()
        self.steps, self.what = range(step, until or step + 1), what

    def forward(self, batch, step):
        outcome = super().forward(batch, step)
        if step not in self.steps:
            return outcome
        if self.what == "gradient":  # the root's derivative at 0 is infinite
            return outcome._replace(loss=outcome.loss + (outcome.loss * 0).sqrt())
        return Outcome(outcome.loss * float(self.what), outcome.terms)


@pytest.mark.parametrize(
    ("what", "text", "seeds"),
    [
        ("nan", "the loss is nan", "8, 9, 10, 11"),
        ("inf", "the loss is inf", "8, 9, 10, 11"),
        ("gradient", "the gradient's norm is nan", "8, 9, 10, 11"),
    ],
)
def test_run_stops_before_it_is_spoilt(tmp_path, what, text, seeds):
    objective, fresh = Broken(2, what), Broken(9, what)
    config = recipe_of(save_every_s=0.0)
    good = weights(run_tiny(tmp_path / "good", config, objective=fresh, stop_after_s=0.0).network)
    with pytest.raises(TrainingError) as caught:
        run_tiny(tmp_path / "run", config, objective=objective)
    message = str(caught.value)
    assert message.startswith(f"{text} in step 2 (terms: doubled ")
    assert f"sample seeds: {seeds}); nothing of that step was kept" in message
    assert f"the last good checkpoint is {tmp_path / 'run' / 'checkpoint.pt'}: resume to see" in message
    assert "lower learning rate" in message
    assert stored(tmp_path / "run")["step"] == 2
    assert torch.isfinite(weights(objective.network)).all()
    assert not torch.equal(weights(objective.network), good)
    session = json.loads((tmp_path / "run" / "run.json").read_text())["sessions"][0]
    assert (session["outcome"], session["last_step"]) == ("failed", 2)
    assert message in session["message"]


def test_broken_batch_is_named_alone(tmp_path):
    class Picky(TinyObjective):
        def forward(self, batch, step):
            outcome = super().forward(batch, step)
            return outcome._replace(loss=outcome.loss / 0) if 6 in batch.seed else outcome

    with pytest.raises(
        TrainingError, match=r"the loss is inf in step 1 .*sample seeds: 6, 7\); .*begin anew"
    ):
        run_tiny(tmp_path, recipe_of(), objective=Picky())


def test_run_that_was_stopped_by_a_number_can_go_on(tmp_path, whole):
    with pytest.raises(TrainingError):
        run_tiny(tmp_path, recipe_of(save_every_s=0.0), objective=Broken(3, "nan"))
    run_tiny(tmp_path, recipe_of(), resume=True)
    assert stored(tmp_path)["step"] == 6
    assert len(log(tmp_path)) == 3


def test_float16_skips_a_step_that_overflows_and_counts_it(tmp_path):
    config = recipe_of(precision="float16", log_every=1, steps=4, ema_decay=0.5)
    seen = []
    objective = Broken(1, "gradient", until=3)
    state = run_tiny(
        tmp_path, config, objective=objective, between=lambda step: seen.append(weights(objective.network))
    )
    begun, first, second, third = seen[::2]
    assert not torch.equal(begun, first)
    assert torch.equal(first, second)  # steps 1 and 2 were skipped
    assert torch.equal(second, third)
    assert not torch.equal(third, weights(state.network))
    assert (state.skipped, state.skipped_in_a_row) == (2, 0)
    assert [line["skipped_steps"] for line in log(tmp_path)] == [0, 1, 2, 2]
    assert [line["gradient_norm"] is None for line in log(tmp_path)] == [False, True, True, False]
    assert state.scaler.get_scale() == 65536 / 4


def test_float16_stops_where_all_steps_overflow(tmp_path):
    config = recipe_of(precision="float16", steps=40, accumulation=1)
    objective = Broken(0, "nan", until=40)
    with pytest.raises(
        TrainingError, match=r"the loss is nan in step 30 after 30 skipped steps .* or in float32"
    ):
        run_tiny(tmp_path, config, objective=objective)
    assert torch.isfinite(weights(objective.network)).all()


def test_batches_that_end_too_early_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="the batches end in step 2 of 6; give enough of them"):
        train(
            tmp_path,
            TinyObjective(),
            lambda first: batches(first, config=recipe_of(steps=2)),
            recipe_of(),
            recipe=tiny_training.RECIPE,
            resume=False,
        )


# --- Machines that fall short

LOST = RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
NO_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee documentation")


def raising(error: Exception, at: int, step: int) -> None:
    if step == at:
        raise error


class Short(TinyObjective):
    """Fails in the second batch of step 3."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.network, self.error, self.batches = tiny_training.TinyNetwork(0.5), error, 0
        self.load_state_dict(TinyObjective(0.5).state_dict())

    def forward(self, batch, step):
        self.batches += step == 3
        if self.batches == 2:
            raise self.error
        return super().forward(batch, step)


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        (
            {"between": partial(raising, LOST, 3)},
            r"in step 3, a process that prepares patches was ended \(DataLoader worker \(pid 7\) is killed by signal: "
            r"Killed\.\), mostly .* fewer --workers, or begin a new run with a lower batch_size; ",
        ),
        (
            {"objective": lambda: Short(NO_MEMORY)},
            r"in step 3, memory ran out \(CUDA out of memory\. Tried to allocate 2\.00 GiB\.\); begin a new run with a "
            r"lower batch_size and, .* higher loop\.accumulation, or with a lower episode\.clicks; .*resume; ",
        ),
        ({"objective": lambda: Short(LOST)}, "in step 3, a process that prepares patches was ended"),
        ({"between": partial(raising, MemoryError(), 3)}, r"in step 3, memory ran out \(MemoryError\); "),
    ],
)
def test_what_was_reached_is_saved_and_the_resumed_run_equals_one_that_went_well(
    tmp_path, whole, failing, message
):
    failing = {name: value() if name == "objective" else value for name, value in failing.items()}
    with pytest.raises(TrainingError, match=message) as caught:
        run_tiny(tmp_path, recipe_of(), **failing)
    assert str(caught.value).endswith(f"; {tmp_path / 'checkpoint.pt'} holds the state after step 3")
    session = json.loads((tmp_path / "run.json").read_text())["sessions"][0]
    assert (session["outcome"], session["last_step"]) == ("failed", 3)
    assert str(caught.value) in session["message"]
    run_tiny(tmp_path, recipe_of(), resume=True)
    assert_same(stored(tmp_path), stored(whole))
    assert log(tmp_path) == log(whole)


def test_state_that_is_half_of_a_step_is_not_saved(tmp_path, monkeypatch):
    """torch's data loader raises wherever the program is, so in the middle of an update too."""
    whole_update = step_module._update

    def interrupted(state: State, config: object) -> None:
        whole_update(state, config)
        raising(LOST, 3, state.step)

    monkeypatch.setattr(step_module, "_update", interrupted)
    with pytest.raises(
        TrainingError, match=r"a process that prepares patches was ended .*; nothing is saved yet$"
    ):
        run_tiny(tmp_path, recipe_of())
    assert not (tmp_path / "checkpoint.pt").exists()


def test_shortage_while_a_checkpoint_is_written_is_told_as_such_and_it_is_written_again(
    tmp_path, monkeypatch
):
    real, calls = torch.save, iter(range(9))

    def interrupted(content: dict, file: object) -> None:
        raising(LOST, 2, next(calls))
        real(content, file)

    monkeypatch.setattr(torch, "save", interrupted)
    with pytest.raises(TrainingError, match=r"a process that .*checkpoint\.pt holds the state after step 3$"):
        run_tiny(tmp_path, recipe_of(save_every_s=0.0))
    assert stored(tmp_path)["step"] == 3


def test_shortage_in_the_first_step_leaves_the_folder_for_a_new_run(tmp_path):
    with pytest.raises(TrainingError, match=r"in step 0, memory ran out .*; nothing is saved yet$"):
        run_tiny(tmp_path, recipe_of(), between=partial(raising, NO_MEMORY, 0))
    assert run_tiny(tmp_path, recipe_of()).step == 6


def test_shortage_is_told_even_where_saving_fails(tmp_path, monkeypatch):
    config = recipe_of(save_every_s=0.0)
    real = loop.write_checkpoint

    def full(path: Path, content: dict) -> None:
        if content["step"] == 3:
            raise RuntimeError("CUDA error: out of memory")
        real(path, content)

    def between(step: int) -> None:
        if step == 2:
            object.__setattr__(config, "save_every_s", 1e9)
        raising(NO_MEMORY, 3, step)

    monkeypatch.setattr(loop, "write_checkpoint", full)
    with pytest.raises(
        TrainingError, match=r"memory ran out .*; .*checkpoint\.pt holds the state after step 2$"
    ):
        run_tiny(tmp_path, config, between=between)
    assert stored(tmp_path)["step"] == 2


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match=r"^the size of tensor a must match$"):
        run_tiny(
            tmp_path,
            recipe_of(),
            between=partial(raising, RuntimeError("the size of tensor a must match"), 3),
        )
    assert not (tmp_path / "checkpoint.pt").exists()


# --- Validation


class Scores:
    """A validation that notes what it was given."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.calls, self.best = iter(scores), [], []

    def __call__(self, network: torch.nn.Module, step: int) -> dict[str, float]:
        self.calls.append((step, network.training, weights(network)))
        return {"score": next(self.scores), "liver": 0.5}

    def on_best(self, network: torch.nn.Module, step: int, scores: dict[str, float]) -> None:
        self.best.append((step, scores["score"], weights(network)))


def test_validation_sees_the_average_and_the_best_is_handed_over(tmp_path):
    scores = Scores(0.3, 0.2, 0.4)
    config = recipe_of(validate_every=2)
    state = run_tiny(tmp_path, config, validate=scores, on_best=scores.on_best)
    assert [(step, training) for step, training, _ in scores.calls] == [(2, False), (4, False), (6, False)]
    assert torch.equal(scores.calls[-1][2], weights(state.average))
    assert not torch.equal(scores.calls[-1][2], weights(state.network))
    assert [call[:2] for call in scores.best] == [(2, 0.3), (6, 0.4)]
    assert torch.equal(scores.best[0][2], scores.calls[0][2])
    assert state.best == stored(tmp_path)["best"] == 0.4
    lines = [json.loads(line) for line in (tmp_path / "validation.jsonl").read_text().splitlines()]
    assert lines == [{"step": s, "score": v, "liver": 0.5} for s, v in ((2, 0.3), (4, 0.2), (6, 0.4))]


def test_best_score_survives_a_resume(tmp_path):
    first, second = Scores(0.3), Scores(0.2, 0.1)
    config = recipe_of(validate_every=2)
    stop = partial(interrupt_at, 2, signal.SIGTERM)
    run_tiny(tmp_path, config, validate=first, on_best=first.on_best, between=stop)
    state = run_tiny(tmp_path, config, validate=second, on_best=second.on_best, resume=True)
    assert [call[0] for call in second.calls] == [4, 6]
    assert second.best == []
    assert state.best == 0.3


def test_without_an_interval_validation_comes_after_the_last_step(tmp_path):
    scores = Scores(0.1)
    run_tiny(tmp_path, recipe_of(), validate=scores)
    assert [call[0] for call in scores.calls] == [6]


def test_validation_changes_nothing_in_the_training(tmp_path):
    """Where the network is its own average, it is put into evaluation mode and back: weights drop out again."""
    scores, runs = Scores(*[0.1] * 6), []
    for name, validate in (("with", scores), ("without", None)):
        config = recipe_of(validate_every=1, ema_decay=None)
        runs.append(weights(run_tiny(tmp_path / name, config, validate=validate).network))
    assert [training for _, training, _ in scores.calls] == [False] * 6
    assert torch.equal(*runs)


def test_score_that_is_no_number_is_never_the_best(tmp_path):
    scores = Scores(math.nan)
    state = run_tiny(tmp_path, recipe_of(), validate=scores, on_best=scores.on_best)
    assert state.best is None
    assert scores.best == []
    assert json.loads((tmp_path / "validation.jsonl").read_text())["score"] is None


def test_refuses_a_validation_without_score(tmp_path):
    with pytest.raises(UsageError, match='the validation gives dice; "score" is needed'):
        run_tiny(tmp_path, recipe_of(), validate=lambda network, step: {"dice": 0.1})


# --- Configuration


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "steps is 0; expected 1 or more"),
        ({"accumulation": 0}, "accumulation is 0; expected 1 or more"),
        ({"log_every": 0}, "log_every is 0; expected 1 or more"),
        ({"validate_every": -1}, "validate_every is -1; expected 0 or more"),
        ({"precision": "float64"}, "precision is 'float64'; expected one of float32, bfloat16, float16"),
        ({"clip_norm": 0.0}, r"clip_norm is 0\.0; expected a number above 0, or None"),
        ({"ema_decay": 1.0}, r"ema_decay is 1\.0; expected a number from 0 to below 1, or None"),
        ({"save_every_s": -1.0}, r"save_every_s is -1\.0; expected 0 or more"),
    ],
)
def test_refuses_configurations_that_make_no_sense(values, message):
    with pytest.raises(UsageError, match=message):
        recipe_of(**values)


def test_refused_network_leaves_no_folder(tmp_path):
    objective = TinyObjective()
    del objective.network.mask_decoder
    with pytest.raises(UsageError, match="TinyNetwork has no mask_decoder"):
        run_tiny(tmp_path / "run", recipe_of(), objective=objective)
    assert not (tmp_path / "run").exists()
