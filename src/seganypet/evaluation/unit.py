"""One method on one case: every target, every draw, every click."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np

from seganypet.errors import MethodError
from seganypet.evaluation.autopet import autopet_rounds
from seganypet.evaluation.cases import Case, CaseTarget
from seganypet.evaluation.config import EvaluationConfig
from seganypet.evaluation.detection import detection
from seganypet.evaluation.methods.interface import Method
from seganypet.evaluation.metrics import agreement
from seganypet.evaluation.protocol import play
from seganypet.evaluation.readers import Reader, RecordedReader, SimulatedReader, SliceReader
from seganypet.io.prompt_files import prompt_objects, read_prompts
from seganypet.prompts import Click
from seganypet.targets import LESIONS
from seganypet.volume import BoolArray

Row = dict[str, Any]
_NAN: Final = float("nan")


@dataclass(kw_only=True)
class UnitResult:
    """What one method did on one case.

    Attributes:
        rows: How good each mask is: target by target, draw by draw, click by click.
        clicks: What was clicked.
        costs: Seconds and number of clicks of each target and draw.
        skipped: Targets that the method could not segment, and why.
        masks: The last mask of each target and draw, by `mask_key`.
    """

    rows: list[Row] = field(default_factory=list)
    clicks: list[Row] = field(default_factory=list)
    costs: list[Row] = field(default_factory=list)
    skipped: list[Row] = field(default_factory=list)
    masks: dict[str, BoolArray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """A target to be segmented once."""

    case: Case
    target: CaseTarget
    reference: BoolArray
    config: EvaluationConfig
    draw: int

    @property
    def named(self) -> Row:
        """What tells its rows from those of others."""
        return {"target": self.target.name, "instance": self.target.instance, "draw": self.draw}


def mask_key(target: str, instance: str, draw: int) -> str:
    """Return what a mask is kept under."""
    return f"{target}/{instance}/{draw}"


def run_unit(method: Method, case: Case, config: EvaluationConfig, start_seconds: float) -> UnitResult:
    """Return what a method, which has been given the scan, does on all targets of a case.

    Args:
        method: What is tested.
        case: With its targets.
        config: Settings.
        start_seconds: How long the method took for the scan.

    Raises:
        PromptError, GeometryError: Recorded clicks that cannot be used.
    """
    result = UnitResult()
    for target in case.targets:
        if config.scheme == "autopet" and target.name != LESIONS:
            continue  # its clicks are made for all lesions of a case together
        reference = case.mask(target)
        for draw in range(config.draws if method.prompting != "target" else 1):
            task = _Task(case=case, target=target, reference=reference, config=config, draw=draw)
            try:
                _run(task, method, start_seconds, result)
            except (MethodError, RuntimeError, MemoryError) as error:
                # Of systems of others anything may come: out of memory on a GPU is a RuntimeError.
                reason = str(error) if isinstance(error, MethodError) else f"{type(error).__name__}: {error}"
                result.skipped.append(task.named | {"reason": reason})
                break
    return result


def _run(task: _Task, method: Method, start_seconds: float, result: UnitResult) -> None:
    """Add what a method does on a target; nothing of it if the method fails on the way."""
    told, pairs = method.prompting == "target", task.config.scheme == "autopet"
    rows: list[Row] = []
    clicks: list[Row] = []
    seconds: list[float] = []
    scored: tuple[BoolArray, Row] | None = None
    reader = _reader(task, method)
    rounds = 0 if told and not pairs else task.config.rounds
    if isinstance(reader, RecordedReader) and not told:
        rounds = min(rounds, reader.rounds)
    for answer in play(method, reader, task.target.name, rounds):
        seconds.append(answer.seconds)
        clicks += [task.named | {"click": answer.round, **_click(click)} for click in answer.clicks]
        if answer.round == 0 and not (told or pairs):
            continue  # nobody has clicked yet
        if scored is None or not np.array_equal(scored[0], answer.mask):
            # A copy: a method may draw on in its mask.
            scored = answer.mask.copy(), _scores(answer.mask, task)
        told_by = {"prompting": method.prompting, "click": answer.round, "points": len(clicks)}
        rows.append(task.named | {"size": task.target.size} | told_by | scored[1])
    result.rows += rows
    result.clicks += clicks
    result.costs.append(task.named | _cost(seconds, len(clicks), start_seconds, told))
    if scored is not None:
        result.masks[mask_key(task.target.name, task.target.instance, task.draw)] = scored[0]


def _reader(task: _Task, method: Method) -> Reader:
    """Return who clicks.

    Raises:
        MethodError: The scheme has no clicks for this target or this kind of method.
    """
    if method.prompting == "target":
        return RecordedReader([])
    scheme, volume, habits = task.config.scheme, task.case.scan.volume, task.config.habits
    if scheme == "clicks" and method.prompting == "slice_clicks":
        return SliceReader(task.reference, volume.affine, habits, _generator(task))
    if scheme == "clicks":
        return SimulatedReader(task.reference, volume.spacing_mm, habits, _generator(task))
    if method.prompting == "slice_clicks":
        raise MethodError(f"needs clicks in every slice, which the scheme {scheme!r} does not make")
    if scheme == "recorded":
        return RecordedReader([[click] for click in _recorded(task)])
    return RecordedReader(autopet_rounds(volume.array, task.reference, volume.spacing_mm, _generator(task)))


def _recorded(task: _Task) -> list[Click]:
    """Return the clicks that the case's prompt file has for a target.

    Raises:
        MethodError: It has none.
        PromptError, GeometryError: It cannot be used.
    """
    path, volume, target = task.case.row.prompts, task.case.scan.volume, task.target
    if path is None:
        raise MethodError("the manifest names no prompt file for this case")
    objects = prompt_objects(path)
    if not objects:  # autoPET's formats: clicks on all lesions
        if target.name != LESIONS:
            raise MethodError(f"{path}: holds clicks on all lesions together")
        return read_prompts(path, volume)
    fitting = [
        (name, number)
        for name, number in objects
        if name == target.name and (not target.instance or str(number) == target.instance)
    ]
    if not fitting:
        with_id = f" with id {target.instance}" if target.instance else ""
        raise MethodError(f"{path}: has no object {target.name!r}{with_id}")
    return read_prompts(path, volume, object_name=fitting[0][0], object_id=fitting[0][1])


def _generator(task: _Task) -> np.random.Generator:
    """Return a source of randomness of the target's own, the same for every method."""
    words = (task.case.row.case, task.target.name, task.target.instance)
    seeds = [task.config.seed, task.draw, *(zlib.crc32(word.encode()) for word in words)]
    return np.random.default_rng(seeds)


def _scores(mask: BoolArray, task: _Task) -> Row:
    """Return all metrics of a mask; in a case without lesions there is no Dice, as in autoPET IV."""
    volume, reference = task.case.scan.volume, task.reference
    row = asdict(agreement(mask, reference, volume, tolerance_mm=task.config.tolerance_mm))
    found = {"lesion_f1": _NAN, "fp_ml": _NAN, "fn_ml": _NAN}
    if task.target.name == LESIONS:
        found = asdict(detection(mask, reference, volume.voxel_volume_ml))
        if not reference.any():
            row |= {"dsc": _NAN, "nsd": _NAN, "nsd_monai": _NAN, "hd95_mm": _NAN}
    return row | found


def _cost(seconds: Sequence[float], points: int, start_seconds: float, told: bool) -> Row:
    """Return what a target cost: the first click or the only mask, and the median of the later clicks."""
    made = [s for s in seconds[1:] if s > 0]
    first = seconds[0] if told else made[0] if made else _NAN
    later = median(made[1:]) if len(made) > 1 and not told else _NAN
    return {"start_s": start_seconds, "first_click_s": first, "later_click_s": later, "points": points}


def _click(click: Click) -> Row:
    i, j, k = click.ijk
    return {"i": i, "j": j, "k": k, "positive": int(click.positive)}
