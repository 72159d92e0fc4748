"""`seganypet evaluate`: how good methods are on a cohort, click by click, and what they cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from seganypet.cli.messages import progress, progress_bar, progress_lines, say, table
from seganypet.cli.parsing import Names, count

if TYPE_CHECKING:
    from seganypet.evaluation.config import EvaluationConfig
    from seganypet.evaluation.results import Results
    from seganypet.evaluation.run import EvaluationRun
    from seganypet.io import ManifestRow

_RECORD = "evaluation.json"
_MANY = 40
# Known here so that --help imports nothing; the same as `prompts.CLICK_POLICIES`, which a test holds it to.
POLICIES = ("deepest", "uniform", "largest_component", "boundary")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compare methods on a cohort: accuracy after each click, cost, tables and figures",
        description="Segments every target of a cohort with each method, clicks simulated on the reference, and "
        "writes per_case.csv, costs.csv, and report.md and report.html with the papers' tables. Run again with the "
        "same options, it goes on where it was stopped; with more methods, it adds them.",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--manifest", type=Path, required=True, metavar="M.csv", help="the cohort, labels.json beside it"
    )
    parser.add_argument(
        "--methods",
        action=Names,
        required=True,
        metavar="METHOD,…",
        help="names of methods or of shipped weights, files of weights; LABEL:METHOD gives one another name",
    )
    parser.add_argument(
        "--list-methods",
        action=_ListMethods,
        nargs=0,
        help="show all methods, their licences and how to get them, and exit",
    )
    _add_target_options(parser.add_argument_group("targets"))
    _add_click_options(parser.add_argument_group("clicks"))
    _add_machine_options(parser.add_argument_group("machine"))
    parser.set_defaults(run=run)


def _add_target_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--split",
        choices=("train", "val", "test", "all"),
        default="",
        help="whose cases count (default: test, or all where the manifest has no splits)",
    )
    group.add_argument(
        "--targets",
        action=Names,
        default=(),
        metavar="NAME,…",
        help='what to segment; "lesion" or "lesions" for lesions (default: everything that is labelled)',
    )
    group.add_argument(
        "--lesions",
        choices=("union", "each", "both", "none"),
        default="both",
        help="all lesions of a case as one target, as in the papers, one by one, or both (default: %(default)s)",
    )
    group.add_argument(
        "--tolerance",
        dest="tolerance_mm",
        type=float,
        default=1.0,
        metavar="MM",
        help="of the surface Dice (default: %(default)s)",
    )
    group.add_argument(
        "--seen",
        action=Names,
        default=None,
        metavar="NAME,…",
        help="organs that the methods were trained on, for the tables (default: the papers' five)",
    )


def _add_click_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--clicks",
        type=_numbers,
        default=(1, 3, 5),
        metavar="N,…",
        help="after how many clicks results are shown; all up to the last are made (default: 1,3,5)",
    )
    group.add_argument(
        "--scheme",
        choices=("clicks", "autopet", "recorded"),
        default="clicks",
        help="a reader who looks at each mask (default), autoPET's ten pairs of clicks made in advance, or the files "
        "in the manifest's column prompts",
    )
    group.add_argument(
        "--first",
        choices=POLICIES,
        default="deepest",
        help="where the first click goes (default: %(default)s)",
    )
    group.add_argument(
        "--later",
        choices=POLICIES,
        default="deepest",
        help="where later clicks go (default: %(default)s)",
    )
    group.add_argument(
        "--perturbation",
        dest="perturbation_mm",
        type=float,
        default=0.0,
        metavar="MM",
        help="standard deviation of a random offset of each click (default: %(default)s)",
    )
    group.add_argument(
        "--draws",
        type=count(least=1),
        default=1,
        metavar="N",
        help="how often each target is segmented, with other random clicks (default: %(default)s)",
    )
    group.add_argument(
        "--seed", type=count(least=0), default=0, metavar="S", help="of random clicks (default: %(default)s)"
    )


def _add_machine_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--device", default="auto", metavar="D", help="cpu or cuda; auto takes a GPU if there is one"
    )
    group.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        default="auto",
        help="of our own networks (default: %(default)s)",
    )
    group.add_argument(
        "--jobs",
        type=count(least=1),
        default=1,
        metavar="N",
        help="processes side by side; times are fair with one alone (default: %(default)s)",
    )
    group.add_argument(
        "--threads",
        type=count(least=1),
        default=None,
        metavar="N",
        help="threads of each process (default: the machine's cores, shared out)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate what is missing, write tables and report, print."""
    started = datetime.now(UTC)
    from seganypet.evaluation.results import read_results, write_results
    from seganypet.evaluation.run import evaluate

    wanted = evaluation_run(arguments)
    _announce(wanted)
    with progress_bar("evaluating") as bar:
        rows = evaluate(wanted, bar or progress_lines("evaluating"))
    autopet = wanted.config.scheme == "autopet"
    results = read_results(wanted.folder, rows, wanted.methods, autopet=autopet)
    outputs = [*write_results(wanted.folder, results), *_write_report(arguments, wanted, rows, results)]
    _write_record(arguments, wanted, outputs, started)
    _print_means(results, wanted.config)
    _print_skipped(results, wanted.folder)
    for path in (*outputs, wanted.folder / _RECORD):
        say(f"wrote {path}")
    return 0


def _announce(wanted: EvaluationRun) -> None:
    """Say how much there is to do, which is measured in hours where everything that is labelled counts."""
    from seganypet.evaluation.report.notes import plural
    from seganypet.evaluation.run import rows_of
    from seganypet.targets import LESION, LESIONS

    rows, labels = rows_of(wanted)
    config, of_lesions = wanted.config, (LESION, LESIONS)
    organs = (
        [] if config.scheme == "autopet" else [n for n in config.targets or labels if n not in of_lesions]
    )
    lesions = config.lesions != "none" and (not config.targets or set(of_lesions) & set(config.targets))
    each = " and ".join(
        ([f"up to {plural(len(organs), 'organ')}"] if organs else []) + ["lesions"] * bool(lesions)
    )
    fewer = "; --targets names fewer" if len(organs) > _MANY else ""
    methods, cases = plural(len(wanted.methods), "method"), plural(len(rows), "case")
    say(f"{methods} on {cases}, {each} in each{fewer}; progress counts methods on cases")


def evaluation_run(arguments: argparse.Namespace) -> EvaluationRun:
    """Return what the arguments ask for.

    Raises:
        UsageError: They make no sense together.
    """
    import os

    from seganypet.evaluation.config import EvaluationConfig
    from seganypet.evaluation.methods.entry import Options
    from seganypet.evaluation.methods.registry import chosen_methods
    from seganypet.evaluation.readers import Habits
    from seganypet.evaluation.run import EvaluationRun

    config = EvaluationConfig(
        scheme=arguments.scheme,
        clicks=arguments.clicks,
        habits=Habits(
            first=arguments.first, later=arguments.later, perturbation_mm=arguments.perturbation_mm
        ),
        draws=arguments.draws,
        seed=arguments.seed,
        targets=arguments.targets,
        lesions=arguments.lesions,
        tolerance_mm=arguments.tolerance_mm,
    )
    return EvaluationRun(
        folder=arguments.output,
        manifest=arguments.manifest,
        methods=tuple(chosen_methods(arguments.methods)),
        config=config,
        split=arguments.split,
        options=Options(device=arguments.device, precision=arguments.precision),
        jobs=arguments.jobs,
        threads=arguments.threads or max(1, (os.cpu_count() or 1) // arguments.jobs),
    )


class _ListMethods(argparse.Action):
    """Prints all methods, how to get them, and under which licence; then the program ends."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print and exit."""
        from seganypet.evaluation.methods.registry import ENTRIES
        from seganypet.models.weights import shipped_weights

        for name in shipped_weights():
            say(
                f"{name}\n  SegAnyPET; told by: 1 point\n  get: shipped\n  licence: Apache-2.0\n  tested: whole"
            )
        for name, entry in ENTRIES.items():
            say(f"{name}{f'={entry.argument}' if entry.argument else ''}")
            say(f"  {entry.title}; told by: {entry.prompt}\n  get: {entry.get}")
            say(f"  licence: {entry.licence}\n  tested: {entry.tested}")
        parser.exit()


def _write_report(
    arguments: argparse.Namespace, wanted: EvaluationRun, rows: Sequence[ManifestRow], results: Results
) -> list[Path]:
    """Write the report with its tables and figures; return where it is."""
    from dataclasses import asdict

    from seganypet.evaluation.report import write_report
    from seganypet.evaluation.report.notes import plural
    from seganypet.evaluation.report.results import PAPERS_ORGANS
    from seganypet.evaluation.worst import worst_cases
    from seganypet.io import read_labels

    config, first = wanted.config, wanted.methods[0]
    titles = {method.label: method.title for method in wanted.methods}
    per_case, costs, skipped = (
        frame.assign(method=frame["method"].map(titles))
        for frame in (results.per_case, results.costs, results.skipped)
    )
    last = results.per_case[results.per_case["method"] == first.label]["click"].max()
    with progress("writing the report"):
        worst = None
        if last == last:  # NaN where the first method has done nothing
            labels = read_labels(wanted.manifest)
            clicks = plural(int(last), "pair" if config.scheme == "autopet" else "click")
            title = f"{first.title} after {clicks}" if last else first.title
            worst = worst_cases(
                wanted.folder, rows, labels, results.per_case, first.label, int(last), title=title
            )
        write_report(
            wanted.folder,
            per_case,
            costs,
            skipped.to_dict("records"),
            clicks=config.clicks,
            seen=PAPERS_ORGANS if arguments.seen is None else arguments.seen,
            reference_method=first.title,
            title=f"Evaluation on {wanted.manifest.parent.name}",
            settings={
                **asdict(config),
                "methods": {f"{m.title}": m.fingerprint() for m in wanted.methods},
                "threads": _threads(results, wanted),
            },
            worst=worst,
            scores=None
            if results.autopet is None
            else results.autopet.assign(method=results.autopet["method"].map(titles)),
        )
    return [wanted.folder / "report.md", wanted.folder / "report.html"]


def _threads(results: Results, wanted: EvaluationRun) -> str:
    """Return how many threads methods had; where that differs, their times cannot be compared."""
    found = sorted({int(count) for count in results.costs["threads"].dropna()}) or [wanted.threads]
    warning = "; times of different numbers of threads are not comparable" if len(found) > 1 else ""
    return " and ".join(map(str, found)) + warning


def _write_record(
    arguments: argparse.Namespace, wanted: EvaluationRun, outputs: list[Path], started: datetime
) -> None:
    """Write what must be known to repeat the evaluation."""
    from seganypet.io import run_record, write_json
    from seganypet.io.manifest import LABELS_NAME

    inputs = [wanted.manifest, wanted.manifest.with_name(LABELS_NAME)]
    methods = {method.label: method.fingerprint() for method in wanted.methods}
    extra = {"methods": methods, "jobs": wanted.jobs, "threads": wanted.threads}
    record = run_record(arguments.command_line, inputs, outputs, wanted.config, started, extra=extra)
    write_json(record, wanted.folder / _RECORD)


def _print_means(results: Results, config: EvaluationConfig) -> None:
    """Print the mean Dice of each target after each number of clicks, method by method."""
    rows = [["target", "method", *(f"{n} click{'s'[: n > 1]}" for n in config.clicks), "n"]]
    for (target, method), found in results.per_case.groupby(["target", "method"], sort=False):
        alone = found[found["click"] == 0]["dsc"]
        shown = [found[found["click"] == n]["dsc"] for n in config.clicks]
        cells = [_mean(alone if scores.empty else scores) for scores in shown]
        rows.append([str(target), str(method), *cells, str(found.groupby(["case", "instance"]).ngroups)])
    say(table(rows))


def _print_skipped(results: Results, folder: Path) -> None:
    """Print how much each method did not answer, and the commonest reason."""
    for method, found in results.skipped.groupby("method", sort=False):
        reason = " ".join(str(found["reason"].mode().iloc[0]).split())
        say(f"{method}: {len(found)} skipped ({reason}); see {folder / 'skipped.csv'}")


def _mean(scores: object) -> str:
    value = float(scores.mean())  # type: ignore[attr-defined]
    return "–" if value != value else f"{value:.3f}"


def _numbers(text: str) -> tuple[int, ...]:
    """Return whole numbers with commas between them."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected whole numbers with commas between") from None
