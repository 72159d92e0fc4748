"""A line of the log: what the steps since the last one were like."""

from __future__ import annotations

from typing import Any

from seganypet.training.loop_config import LoopConfig
from seganypet.training.optimisation import schedule_factor
from seganypet.training.state import State
from seganypet.training.step import TERMS


def log_line(state: State, config: LoopConfig) -> dict[str, Any]:
    """Return the numbers of a line, as JSON holds them.

    Args:
        state: After the step that the line ends with; its tally holds the numbers of all processes.
        config: How it is trained.
    """
    tally = state.tally
    factor = schedule_factor(config.schedule, config.steps, state.step - 1)
    terms = (name for name in tally.series if name.startswith(TERMS))
    line: dict[str, Any] = {
        "step": state.step,
        "seconds": round(state.seconds, 2),
        "samples_per_second": _shortened(tally.total("samples") / max(tally.total("seconds"), 1e-9)),
        "loss": _shortened(tally.mean("loss")),
        "terms": {name.removeprefix(TERMS): _shortened(tally.mean(name)) for name in sorted(terms)},
        "gradient_norm": _shortened(tally.mean("gradient_norm")),
        "learning_rate": {
            group["name"]: _shortened(group["initial_lr"] * factor) for group in state.optimiser.param_groups
        },
    }
    if config.precision == "float16":
        line["skipped_steps"] = state.skipped
    return line


def _shortened(value: float | None) -> float | None:
    """Return six digits of a number."""
    return None if value is None else float(f"{value:.6g}")
