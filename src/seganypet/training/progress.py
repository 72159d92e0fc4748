"""How far a training is: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn


class ProgressDisplay:
    """Shows on standard error what a training does.

    Args:
        first_step: Steps that were done before.
        steps: Steps of the whole training.
    """

    def __init__(self, first_step: int, steps: int) -> None:
        self._first_step, self._steps = first_step, steps
        self._began = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[numbers]}"),
                TimeElapsedColumn(),
                TimeLeftColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task("training", total=steps, completed=first_step, numbers="")
            self._bar.start()

    def advance(self, step: int) -> None:
        """Show that a step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def report(self, step: int, loss: float | None, samples_per_second: float) -> None:
        """Show the numbers of a line of the log."""
        shown = "-" if loss is None else f"{loss:.4g}"
        numbers = f"loss {shown}  {samples_per_second:.3g} samples/s"
        if self._bar is not None:
            self._bar.update(self._task, numbers=numbers)
            return
        per_step = (time.monotonic() - self._began) / max(1, step - self._first_step)
        left = round(per_step * (self._steps - step))
        self.say(
            f"step {step}/{self._steps}  {numbers}  {left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"
        )

    def say(self, text: str) -> None:
        """Show a line."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
