"""A server on one small scan, and a page that works with it."""

from __future__ import annotations

import pytest

from small_server import Page, serving, write_scan


@pytest.fixture
def client(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    with serving(tmp_path) as client:
        yield client


@pytest.fixture
def page(client):
    return Page(client)
