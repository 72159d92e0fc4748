"""Readers who work at once: each gets what he would alone, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from small_server import HOT, IN_HOT, IN_WARM, WARM, Page, in_block, ok, serving, write_scan


@pytest.fixture
def client(tmp_path):
    for name in ("pet", "other"):
        write_scan(tmp_path / "served" / f"{name}.nii.gz")
    with serving(tmp_path) as client:
        yield client


def at_once(tasks: Iterable[Callable[[], object]]) -> list[object]:
    """Run tasks in threads of their own; return what they return, or raise what one raised."""
    tasks = list(tasks)
    with ThreadPoolExecutor(len(tasks)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(task) for task in tasks]]


def test_readers_of_one_scan_get_what_they_would_alone(client):
    pages = [Page(client, reader=f"reader {number}") for number in range(4)]

    def work(page: Page, first, second) -> None:
        for _ in range(3):
            number = page.add()
            page.click(number, first)
            page.dot(number, (1, 1, 1))
            page.click(number, second)
            page.undo()
            page.undo()

    places = [(IN_HOT, IN_WARM), (IN_WARM, IN_HOT)] * 2
    at_once(
        lambda page=page, place=place: work(page, *place) for page, place in zip(pages, places, strict=True)
    )
    for page, (first, _) in zip(pages, places, strict=True):
        page.check()
        assert list(page.objects()) == [1, 2, 3]
        for number in page.objects():
            np.testing.assert_array_equal(page.mask(number), in_block(HOT if first == IN_HOT else WARM))


def test_changes_of_one_reading_come_one_after_the_other(client):
    page = Page(client)
    page.add()

    def paint(k: int) -> None:
        for i in range(8):
            body = {"points_mm": [page.mm((i, k, k))], "radius_mm": 1}
            ok(page.send("POST", "objects/1/strokes", body))

    at_once(lambda k=k: paint(k) for k in range(6))
    found = page.looked_up()
    assert found["actions"] == 1 + 6 * 8
    assert found["masks"][1].sum() == 6 * 8
    page.masks = found["masks"]
    page.state["undo"] = found["undo"]
    while page.state["undo"]:
        page.undo()
    assert not page.mask(1).any()
    page.check()


def test_who_opens_the_same_at_once_gets_the_same(client):
    def open_both() -> tuple[str, str]:
        scan = ok(client.post("/api/scans", json={"path": "pet.nii.gz"}))["id"]
        return scan, ok(client.post(f"/api/scans/{scan}/readings", json={"reader": "Ada"}))["id"]

    assert len(set(at_once([open_both] * 6))) == 1
    (entry,) = ok(client.get("/api/scans"))
    assert len(entry["readings"]) == 1


def test_of_all_who_want_a_reading_at_once_one_gets_it(client):
    page = Page(client)
    client.delete(page.at("lease"), headers={"X-Lease": page.lease})
    answers = at_once([lambda: client.post(page.at("lease"), json={}).status_code] * 6)
    assert sorted(answers) == [200, 423, 423, 423, 423, 423]


def test_looking_and_working_go_on_while_scans_come_and_go(tmp_path):
    for name in ("pet", "other"):
        write_scan(tmp_path / "served" / f"{name}.nii.gz")
    with serving(tmp_path, most_scans=1, most_readings=1) as client:
        pages = [Page(client), Page(client, "other.nii.gz")]

        def work(page: Page) -> None:
            for _ in range(3):
                page.click(page.add(), IN_HOT)

        def look(page: Page) -> None:
            for degrees in range(0, 90, 15):
                ok_bytes(client.get(page.on_scan(f"mips/{degrees}")))
                ok_bytes(client.get(page.at(f"mips/{degrees}")))
                ok(client.get(page.at("table")))

        at_once([lambda p=p, do=do: do(p) for p in pages for do in (work, look)])
        for page in pages:
            page.check()
            for number in page.objects():
                np.testing.assert_array_equal(page.mask(number), in_block(HOT))


def ok_bytes(response) -> None:
    assert response.is_success, response.text
    assert response.content
