"""Benchmarks are scripts beside each other; their modules can be imported from their folder only."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
