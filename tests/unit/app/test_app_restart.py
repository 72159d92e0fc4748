"""A server that is killed loses nothing that it had answered; another one never works in the same folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from seganypet.app.model import SharedModel
from seganypet.app.server import create_app
from seganypet.errors import StoreError
from small_server import (
    HOT,
    IN_HOT,
    IN_WARM,
    WARM,
    Page,
    in_block,
    ok,
    problem_of,
    serving,
    small_settings,
    wait_for,
    write_scan,
)
from synthetic_model import half_of_click
from tiny_weights import write_tiny_weights


@pytest.fixture
def folder(tmp_path):
    write_scan(tmp_path / "served" / "pet.nii.gz")
    return tmp_path


def busy(page: Page) -> None:
    """Do some of everything, and undo some of it."""
    first, second = page.add("lesion"), page.add("liver")
    page.click(first, IN_HOT)
    page.click(second, IN_WARM)
    page.click(first, (4, 5, 6), positive=False)
    page.dot(second, (1, 1, 1), radius_mm=9)
    page.dot(second, (1, 1, 2), erase=True)
    page.edit("POST", f"objects/{second}/thresholds", rule="2.5")
    page.edit("PATCH", f"objects/{first}", name="Läsion <1>", colour="#123456")
    page.edit("DELETE", f"objects/{second}")
    page.edit("POST", f"objects/{first}/clear")
    page.undo()
    page.undo()
    page.send("PUT", "view", {"place": [1, 2, 3]})


def on(client, page: Page) -> Page:
    """Return a page as it was, on another server."""
    other = Page.__new__(Page)
    other.__dict__ = {**page.__dict__, "client": client}
    other.masks = {number: mask.copy() for number, mask in page.masks.items()}
    return other


def test_everything_is_there_after_a_restart(folder):
    with serving(folder) as client:
        page = Page(client)
        busy(page)
        before = page.looked_up()
        scans = ok(client.get("/api/scans"))
    with serving(folder) as client:
        again = on(client, page)
        again.check()
        assert again.looked_up()["view"] == before["view"] == {"place": [1, 2, 3]}
        entries = ok(client.get("/api/scans"))
        assert [{**e, "in_memory": True} for e in entries] == scans
        # The lease of before is over; then undo and redo go on where they were.
        problem_of(again.send("POST", "undo"), 423)
        again.open(again.client.get(again.at()).json())
        while again.state["undo"]:
            again.undo()
        assert again.state["objects"] == []
        assert not any(mask.any() for mask in again.masks.values())
        while again.state["redo"]:
            again.redo()
        again.check()


def test_a_click_after_a_restart_builds_on_those_before_it(folder):
    with serving(folder) as client:
        page = Page(client)
        page.click(page.add(), IN_HOT)
        page.dot(1, (1, 1, 1))
        page.click(1, IN_WARM)
    with serving(folder) as client:
        again = Page(client)
        again.click(1, (13, 11, 4), positive=False)
        expected = in_block(HOT) | in_block(WARM)
        expected[1, 1, 1] = True
        assert not again.mask(1)[13, 11, 4]
        assert again.mask(1)[IN_WARM]
        assert again.mask(1)[1, 1, 1]
        assert not (again.mask(1) & ~expected).any()
        again.check()


def test_everything_is_there_in_a_copy_made_at_any_moment(folder):
    """As a power cut or a backup leaves it: the server has closed nothing."""
    with serving(folder) as client:
        page = Page(client)
        busy(page)
        shutil.copytree(folder / "work", folder / "copy" / "work")
        kept = on(client, page)
        page.undo()
        page.add("later")
        with serving(folder / "copy", root=folder / "served") as other:
            copy = on(other, kept)
            copy.state["actions"] = kept.state["actions"]
            copy.check()
            copy.open(other.get(copy.at()).json())
            copy.undo()
            copy.check()
        page.check()


def test_forgetting_scans_and_readings_loses_nothing(folder):
    for number in range(3):
        write_scan(folder / "served" / f"{number}.nii.gz")
    with serving(folder, most_scans=1, most_readings=1) as client:
        services = client.app.state.services
        pages = [Page(client, f"{number}.nii.gz", reader=r) for number in range(3) for r in ("Ada", "Bob")]
        for turn in range(2):
            for at, page in enumerate(pages):
                number = page.add(f"object {turn}")
                page.click(number, (IN_HOT, IN_WARM)[(at + turn) % 2])
                page.check()
        assert len(services.scans.ids()) == 1
        assert len(services._readings) == 1
        for at, page in enumerate(pages):
            np.testing.assert_array_equal(page.mask(1), in_block((HOT, WARM)[at % 2]))
            while page.state["undo"]:
                page.undo()
            page.check()
            while page.state["redo"]:
                page.redo()
            page.check()
        assert [entry["in_memory"] for entry in ok(client.get("/api/scans"))] == [False, False, True]


def test_forgetting_images_that_are_too_large_together_loses_nothing(folder):
    write_scan(folder / "served" / "other.nii.gz")
    with serving(folder, most_image_bytes=1) as client:
        pages = [Page(client), Page(client, "other.nii.gz")]
        assert len(client.app.state.services.scans.ids()) == 1
        for page in pages:
            page.click(page.add(), IN_HOT)
            page.check()


def test_a_reading_that_somebody_works_on_is_not_forgotten(folder):
    with serving(folder, most_readings=1) as client:
        services = client.app.state.services
        first, second = Page(client), Page(client, reader="Bob")
        with services.reading(first.state["id"]) as held:
            second.add()
            with services.reading(first.state["id"]) as again:
                assert again is held
        second.add()
        second.check()
        first.add()
        first.check()


def test_a_second_server_in_the_same_folder_is_refused(folder):
    with serving(folder) as client:
        page = Page(client)
        page.add()
        with pytest.raises(StoreError, match="choose another work folder"):
            create_app(small_settings(folder), SharedModel(half_of_click, "x"))
        page.add()
        page.check()


@contextmanager
def process(folder):
    """Run `seganypet serve` on the folder; give its address and process."""
    command = [sys.executable, "-m", "seganypet", "serve", str(folder / "served"), "--port", "0"]
    command += [
        "--work",
        str(folder / "work"),
        "--weights",
        str(write_tiny_weights(folder)),
        "--device",
        "cpu",
    ]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        line = running.stdout.readline()
        (address,) = re.findall(r"SegAnyPET is at (\S+)/ ", line) or [line + running.stderr.read()]
        yield address, running
    finally:
        running.kill()
        running.communicate()


def test_a_server_that_is_killed_at_work_loses_nothing_that_it_had_answered(folder):
    answered = []
    with process(folder) as (address, running):
        client = httpx.Client(base_url=address)
        page = Page(client)
        with pytest.raises(StoreError, match="choose another work folder"):
            create_app(small_settings(folder), SharedModel(half_of_click, "x"))
        page.click(page.add(), IN_HOT)

        def work():
            try:
                for number in range(100_000):
                    page.dot(1, (number % 20, number // 20 % 18, 0))
                    answered.append(page.mask(1).copy())
            except httpx.TransportError:
                return

        thread = threading.Thread(target=work)
        thread.start()
        wait_for(lambda: len(answered) > 20)
        running.send_signal(signal.SIGKILL)
        thread.join(timeout=30)
        assert not thread.is_alive()
        assert running.wait() == -signal.SIGKILL
    with serving(folder) as client:
        again = on(client, page)
        found = again.looked_up()
        # The last one may have been stored and not answered any more.
        assert found["actions"] in (len(answered) + 2, len(answered) + 3)
        again.open(client.get(again.at()).json())
        if found["actions"] == len(answered) + 3:
            again.undo()
        np.testing.assert_array_equal(again.mask(1), answered[-1])
        while again.state["undo"]:
            again.undo()
        assert not again.mask(1).any()
        again.check()
