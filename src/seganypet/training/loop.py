"""The training loop: exact after a resume, whole in its files, stopped rather than spoilt by numbers that are not."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from torch import nn
from torch.amp.grad_scaler import GradScaler

from seganypet.errors import OutputError, UsageError
from seganypet.training.checkpoint import (
    FILE_NAME,
    as_json,
    read_checkpoint,
    require_same_recipe,
    write_checkpoint,
)
from seganypet.training.distributed import ALONE, Processes
from seganypet.training.folders import locked
from seganypet.training.journal import Journal, prepare_run_folder
from seganypet.training.log_line import log_line
from seganypet.training.loop_config import LoopConfig
from seganypet.training.optimisation import build_optimiser, build_schedule
from seganypet.training.sample import Sample
from seganypet.training.shortage import ShortageError, shortage
from seganypet.training.state import State, averaged
from seganypet.training.step import take_step
from seganypet.training.stopping import StopRequests
from seganypet.training.tally import Tally

__all__ = ["Batches", "LoopConfig", "OnBest", "Validate", "train"]

Batches = Callable[[int], Iterator[Sample]]
Validate = Callable[[nn.Module, int], Mapping[str, float]]
OnBest = Callable[[nn.Module, int, Mapping[str, float]], None]


def train(
    run: Path,
    objective: nn.Module,
    batches: Batches,
    config: LoopConfig,
    *,
    recipe: Mapping[str, Any],
    resume: bool,
    validate: Validate | None = None,
    validate_start: bool = False,
    on_best: OnBest | None = None,
    stop_after_s: float | None = None,
    processes: Processes = ALONE,
    inputs: Sequence[Path] = (),
) -> State:
    """Return the state after the last step, or where the training was stopped; `run` tells its story.

    SIGTERM, SIGINT and the time limit let the step finish and save. A run that was stopped or killed and then resumed
    ends with the very weights of one that was not, if the processes, their threads and the machine are the same and,
    on GPUs, as far as their kernels always add in the same order.

    Args:
        run: Folder for the checkpoint and the journal; all processes must see the same.
        objective: What is minimised: its forward takes a batch and the step and returns an `Outcome`; its `network`
            is what is trained.
        batches: Gives this process's batches from a step on, `accumulation` for each step.
        config: How to train.
        recipe: The resolved configuration; a run is resumed with the same one only.
        resume: Continue the run in the folder.
        validate: Returns the scores of a network, the same in all processes; "score" is the one that counts.
        validate_start: Validate before the first step, too: what is trained has learned something already.
        on_best: Called in the first process with the network, the step and the scores, whenever the score is the
            highest so far.
        stop_after_s: Stop after this time, in seconds.
        processes: Those that train together.
        inputs: Files that are trained on, for the record.

    Raises:
        TrainingError: Loss or gradient is not finite; the batches end too early; the folder holds another run, or a
            damaged one, or is in use by another training; memory ran out, or a process that prepares samples was
            ended, in which case what was reached is saved where that is possible.
        UsageError: The network does not have the papers' three parts, or the recipe no JSON form.
        OutputError: The folder cannot be written to.
    """
    loop = _Loop(run, objective, config, recipe, processes)
    with locked(run, processes):
        loop.begin(resume=resume, inputs=inputs)
        try:
            with StopRequests(stop_after_s) as stop_requests, loop.saving_on_shortage():
                if validate is not None and validate_start and loop.state.step == 0:
                    loop.validate(validate, on_best)
                loop.go_on(batches, stop_requests, validate, on_best)
        except BaseException as error:
            with suppress(OutputError):  # the error that led here is the one to report
                loop.journal.end("failed", f"{type(error).__name__}: {error}", loop.state.step)
            raise
        loop.end()
    return loop.state


class _Loop:
    """A training under way in one process."""

    def __init__(
        self,
        run: Path,
        objective: nn.Module,
        config: LoopConfig,
        recipe: Mapping[str, Any],
        processes: Processes,
    ) -> None:
        self.run, self.config, self.recipe, self.processes = run, config, recipe, processes
        self.checkpoint = run / FILE_NAME
        self.objective = objective.to(processes.device)
        self.model = processes.wrap(self.objective)  # also gives all processes the first one's weights
        network = self.objective.network
        assert isinstance(network, nn.Module)
        optimiser = build_optimiser(network, config.optimiser)
        self.state = State(
            network=network,
            average=network if config.ema_decay is None else averaged(network),
            optimiser=optimiser,
            schedule=build_schedule(optimiser, config.schedule, config.steps),
            scaler=GradScaler(processes.device.type, enabled=config.precision == "float16"),
        )
        self.journal = Journal(run, recipe, processes, config.steps)
        self._saved, self._saved_step = time.monotonic(), 0

    def begin(self, *, resume: bool, inputs: Sequence[Path]) -> None:
        """Make the folder ready and continue from its checkpoint, if it has one."""
        run, state, journal, processes = self.run, self.state, self.journal, self.processes
        has_checkpoint = processes.on_first(lambda: prepare_run_folder(run, self.recipe, resume=resume))
        if has_checkpoint:
            processes.each(self._restore)
        processes.on_first(lambda: journal.begin(state.step, inputs))
        if resume and not has_checkpoint:
            journal.say(f"{run} has no checkpoint yet: beginning with the first step")

    def end(self) -> None:
        """Tell how the training ended that nothing broke off."""
        state = self.state
        if state.stopped_by:
            message = f"stopped by {state.stopped_by} after step {state.step}; continue with --resume"
        else:
            message = f"all {state.step} steps are done"
        self.journal.say(message)
        self.journal.end("stopped" if state.stopped_by else "finished", message, state.step)

    def _restore(self) -> None:
        """Continue from the checkpoint."""
        stored = read_checkpoint(self.checkpoint)
        require_same_recipe(as_json(self.recipe), stored.get("recipe"), self.checkpoint)
        self.state.restore(stored, self.checkpoint)
        self._saved_step = self.state.step
        if not self.processes.is_first:
            self.state.tally = Tally()  # the first one's holds what all had

    @contextmanager
    def saving_on_shortage(self) -> Iterator[None]:
        """Where the machine falls short, save what was reached, if that is possible, before the error goes on."""
        try:
            yield
        except ShortageError as error:  # of the batches: all processes have it
            raise self._told(error, shared=True) from error
        except (RuntimeError, MemoryError) as error:
            if (found := shortage(error)) is None:
                raise
            raise self._told(found, shared=self.processes.world == 1) from error

    def go_on(
        self,
        batches: Batches,
        stop_requests: StopRequests,
        validate: Validate | None,
        on_best: OnBest | None,
    ) -> None:
        """Train until the last step, or until any process is asked to stop."""
        state, config = self.state, self.config
        self.objective.train()
        with _closing(batches(state.step) if state.step < config.steps else iter(())) as source:
            self._take_steps(source, stop_requests, validate, on_best)

    def _take_steps(
        self,
        source: Iterator[Sample],
        stop_requests: StopRequests,
        validate: Validate | None,
        on_best: OnBest | None,
    ) -> None:
        state, config = self.state, self.config
        while state.step < config.steps:
            began = time.monotonic()
            stop, save = take_step(
                state,
                self.model,
                source,
                config,
                self.processes,
                wishes=lambda: (bool(stop_requests.reason), self._save_is_due()),
                checkpoint=self.checkpoint,
            )
            self._count(time.monotonic() - began)
            last = state.step == config.steps
            if last or state.step % config.log_every == 0:
                self._log()
            validated = validate is not None and self._validation_is_due()
            if validate is not None and validated:
                self.validate(validate, on_best)
            state.whole = True
            if save or stop or last or validated:
                self._save()
            if stop and not last:
                reasons = self.processes.gather(stop_requests.reason)
                state.stopped_by = next(reason for reason in reasons if reason)
                return

    def _save_is_due(self) -> bool:
        return self.processes.is_first and time.monotonic() - self._saved >= self.config.save_every_s

    def _validation_is_due(self) -> bool:
        step, every = self.state.step, self.config.validate_every
        return step == self.config.steps or (every > 0 and step % every == 0)

    def _count(self, seconds: float) -> None:
        """Take up the time of a step, by the first process's clock."""
        self.state.seconds += seconds
        if self.processes.is_first:
            self.state.tally.add({"seconds": seconds})
        self.journal.advance(self.state.step)

    def _log(self) -> None:
        """Write what happened since the last line."""
        self.state.tally.pool(self.processes)
        line = log_line(self.state, self.config)
        self.processes.on_first(lambda: self.journal.log(line))
        self.state.tally = Tally()

    def validate(self, validate: Validate, on_best: OnBest | None) -> None:
        """Score the average, and hand it over where it is the best so far."""
        state = self.state
        state.average.eval()
        scores = dict(validate(state.average, state.step))
        self.objective.train()  # the network may be its own average
        if "score" not in scores:
            raise UsageError(f'the validation gives {", ".join(scores) or "nothing"}; "score" is needed')
        finite = {name: value if math.isfinite(value) else None for name, value in scores.items()}
        self.processes.on_first(lambda: self.journal.validated(state.step, finite))
        score = finite["score"]
        if score is None or (state.best is not None and score <= state.best):
            return
        state.best = score
        if on_best is not None:
            self.processes.on_first(lambda: on_best(state.average, state.step, scores))

    def _save(self) -> None:
        """Write the checkpoint, with the tallies of all processes."""
        self.state.tally.pool(self.processes)
        self.processes.on_first(
            lambda: write_checkpoint(self.checkpoint, self.state.dump(as_json(self.recipe)))
        )
        self._saved, self._saved_step = time.monotonic(), self.state.step

    def _told(self, error: ShortageError, *, shared: bool) -> ShortageError:
        """Save what was reached, and return the error with where that lies.

        Args:
            error: What went wrong.
            shared: Whether it did in all processes, so that they can save together.
        """
        if shared and self.state.whole and self.state.step > self._saved_step:
            self.state.optimiser.zero_grad(set_to_none=True)  # saving needs memory
            with suppress(Exception):  # the error that led here is the one to report
                self._save()
        saved = f"{self.checkpoint} holds the state after step {self._saved_step}"
        kept = saved if self._saved_step else "nothing is saved yet"
        return ShortageError(f"in step {self.state.step}, {error}; {kept}")


@contextmanager
def _closing(source: Iterator[Sample]) -> Iterator[Iterator[Sample]]:
    """Give batches whose data-loading processes end with the block, whatever still refers to them."""
    try:
        yield source
    finally:
        if isinstance(source, Generator):
            source.close()
