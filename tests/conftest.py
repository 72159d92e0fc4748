"""Shared fixtures: where the real data lies, and small synthetic images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before torch is imported: with one thread small tensors are quicker, and tests beside other work far quicker.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(os.environ.get("SEGANYPET_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real scans; skips, with a reason, where it is missing."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data not found at {SHARED_DATA}; set SEGANYPET_SHARED_DATA")
    return SHARED_DATA
