"""Markdown tables of the realism report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from phantom_realism_measures import BIN_EDGES, LAGS

TUMOUR_COLUMNS = (
    "volume_ml",
    "suv_max",
    "suv_mean",
    "background",
    "contrast",
    "cov",
    "rough",
    "cold_fraction",
    "edge_mm",
    "noise",
)
Report = dict[str, Any]


def _spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean with the range."""
    usable = [v for v in values if np.isfinite(v)]
    if not usable:
        return "-"
    return f"{np.mean(usable):.{digits}g} ({min(usable):.{digits}g} to {max(usable):.{digits}g})"


def _quartiles(values: Sequence[float]) -> str:
    low, middle, high = np.nanpercentile(values, (25, 50, 75))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def print_tables(real: Report, phantoms: Sequence[Report]) -> None:
    """Print the measures of the real scan beside mean and range of the phantoms."""
    print("\n| region | real SUV | phantom SUV | real SD | phantom SD | real CoV | phantom CoV |")
    print("|---" * 7 + "|")
    for name, own in real["regions"].items():
        others = [p["regions"][name] for p in phantoms if name in p["regions"]]
        cells = [f"{own[k]:.3g} | {_spread([o[k] for o in others])}" for k in ("mean", "sd", "cov")]
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("\n| noise (trend removed) | real | phantom |\n|---|---|---|")
    for name, own in real["noise"].items():
        others = [p["noise"][name] for p in phantoms if name in p["noise"]]
        for key in ("sd", "cov", "skewness"):
            print(f"| {name}: {key} | {own[key]:.3g} | {_spread([o[key] for o in others])} |")
        for axis, letter in enumerate("xyz"):
            widths = [o["fwhm_mm"][axis] for o in others]
            print(f"| {name}: FWHM along {letter}, mm | {own['fwhm_mm'][axis]:.3g} | {_spread(widths)} |")
            curve = ", ".join(f"{c:.2f}" for c in own["autocorrelation"][axis])
            mean = np.nanmean([o["autocorrelation"][axis] for o in others], axis=0) if others else []
            text = ", ".join(f"{c:.2f}" for c in mean)
            print(f"| {name}: correlation along {letter}, lags 1-{max(LAGS)} | {curve} | {text} |")
    print(f"| exponent of SD over SUV | {real['noise_exponent']:.2f} | ", end="")
    print(f"{_spread([p['noise_exponent'] for p in phantoms])} |")
    _print_local_noise(real["local_noise"], [p["local_noise"] for p in phantoms])
    for q in real["slice_noise"]:
        print(f"| fine noise of slices, {q} % quantile | {real['slice_noise'][q]:.3g} | ", end="")
        print(f"{_spread([p['slice_noise'][q] for p in phantoms])} |")
    print("\n| border | real 10-90 % width, mm (profiles) | phantom |\n|---|---|---|")
    for name, own in real["borders"].items():
        widths = [p["borders"][name]["width_mm"] for p in phantoms]
        print(f"| {name} | {own['width_mm']:.3g} ({own['profiles']}) | {_spread(widths)} |")
    print("\n| SUV quantile inside the body | real | phantom |\n|---|---|---|")
    for q, value in real["quantiles"].items():
        print(f"| {q} % | {value:.3g} | {_spread([p['quantiles'][q] for p in phantoms])} |")


def _print_local_noise(real: Report, phantoms: Sequence[Report]) -> None:
    for n, (low, high) in enumerate(pairwise(BIN_EDGES)):
        print(f"| slice differences: SD at SUV {low}-{high} | {real['sd'][n]:.3g} | ", end="")
        print(f"{_spread([p['sd'][n] for p in phantoms])} |")
    exponents = [p["exponent"] for p in phantoms]
    print(f"| slice differences: exponent | {real['exponent']:.2f} | {_spread(exponents)} |")
    for axis in "xy":
        own = ", ".join(f"{c:.2f}" for c in real[axis])
        mean = ", ".join(f"{c:.2f}" for c in np.mean([p[axis] for p in phantoms], axis=0))
        print(f"| slice differences: correlation along {axis}, lags 1-4 | {own} | {mean} |")


def print_tumours(groups: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Print median and quartiles of the tumours' measures, a column per group."""
    print(
        "\n| tumours: median (quartiles) | " + " | ".join(f"{n} ({len(g)})" for n, g in groups.items()) + " |"
    )
    print("|---" * (len(groups) + 1) + "|")
    for column in TUMOUR_COLUMNS:
        cells = [_quartiles([t[column] for t in group]) if group else "-" for group in groups.values()]
        print(f"| {column} | " + " | ".join(cells) + " |")
