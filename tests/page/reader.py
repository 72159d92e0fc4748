"""A running server, and a reader who works in its page."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

IDLE = "() => window.seganypet.store.tasks.value.length === 0 && window.seganypet.store.state.value !== null"
_PATIENCE_MS = 60_000


class Server:
    """`seganypet serve` in a process of its own."""

    def __init__(self, root: Path, work: Path, *options: str) -> None:
        self.root, self.work, self.options = root, work, options
        self.port = 0

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)

    def start(self) -> None:
        command = [sys.executable, "-m", "seganypet", "serve", str(self.root), "--work", str(self.work)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *self.options], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().split()[3]
        self.port = int(self.address.split(":")[2].split("/")[0])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=30)

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}") as answer:
            content: bytes = answer.read()
            return content


class Reader:
    """A person in front of the page."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server = page, server
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.set_default_timeout(_PATIENCE_MS)

    @classmethod
    @contextmanager
    def at(cls, browser: Browser, server: Server, *, name: str) -> Iterator[Reader]:
        """Give a reader of a name; fail where the page logs an error."""
        context = browser.new_context(viewport={"width": 1400, "height": 860}, accept_downloads=True)
        reader = cls(context.new_page(), server)
        reader.page.goto(server.address)
        reader.page.get_by_placeholder("your name or initials").fill(name)
        yield reader
        context.close()
        assert not reader.complaints, reader.complaints

    def forgive(self, *texts: str) -> None:
        """Forget what the browser logged of answers that the test provoked."""
        self.complaints = [text for text in self.complaints if not any(part in text for part in texts)]

    def open(self, scan: str) -> None:
        self.page.get_by_role("button", name=scan, exact=True).first.click()
        self.settle()

    def settle(self) -> None:
        """Wait until everything is answered and drawn."""
        self.page.wait_for_function(IDLE)
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def store(self, expression: str) -> Any:
        """Return the value of an expression of the page's store."""
        return self.page.evaluate(f"() => window.seganypet.store.{expression}")

    def look_at(self, mm: Sequence[float]) -> None:
        self.page.evaluate("(mm) => window.seganypet.store.moveTo(mm)", list(map(float, mm)))
        self.settle()

    def pixel(self, mm: Sequence[float], plane: str) -> tuple[float, float]:
        """Return where a place is drawn on a plane's slice, from the corner of the slices."""
        x, y = self.page.evaluate(
            "([mm, plane]) => window.seganypet.store.theViewer().pixelOf(mm, plane)",
            [list(map(float, mm)), plane],
        )
        return x, y

    def click(self, mm: Sequence[float], plane: str = "axial") -> None:
        """Go to a place's slices and click on it there."""
        self.look_at(mm)
        x, y = self.pixel(mm, plane)
        self.page.get_by_test_id("over").click(position={"x": x, "y": y})
        self.settle()

    def drag(self, start_mm: Sequence[float], end_mm: Sequence[float], plane: str = "axial") -> None:
        """Drag the pointer from one place of a slice to another."""
        self.look_at(start_mm)
        box = self.page.get_by_test_id("over").bounding_box()
        assert box is not None
        (x, y), (to_x, to_y) = self.pixel(start_mm, plane), self.pixel(end_mm, plane)
        self.page.mouse.move(box["x"] + x, box["y"] + y)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + to_x, box["y"] + to_y, steps=8)
        self.page.mouse.up()
        self.settle()

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.settle()

    def colour_at(self, mm: Sequence[float], plane: str, where: str = "slices") -> np.ndarray:
        """Return the mean colour, RGB, that is drawn around a place a little beside the cross."""
        shot = Image.open(io.BytesIO(self.page.get_by_test_id(where).screenshot())).convert("RGB")
        x, y = (round(c) for c in self.pixel(mm, plane))
        pixels = np.asarray(shot, dtype=float)
        return pixels[y - 5 : y - 2, x - 5 : x - 2].mean(axis=(0, 1))

    def is_marked(self, mm: Sequence[float], plane: str) -> bool:
        """Return whether the slice shows colour, not grey, at a place."""
        colour = self.colour_at(mm, plane)
        return bool(colour.max() - colour.min() > 30)

    def volume_ml(self, row: int = 0) -> float:
        """Return the volume that the table shows."""
        self.page.wait_for_function(
            "(n) => document.querySelectorAll('[data-testid=table] tbody tr').length > n", arg=row
        )
        self.settle()
        cells = self.page.locator("[data-testid=table] tbody tr").nth(row).locator("td")
        return float(cells.nth(1).inner_text())

    def mask(self, object_id: int = 1) -> nib.Nifti1Image:
        """Return an object's mask as it is exported."""
        reading = self.store("state.value.id")
        path = f"api/readings/{reading}/objects/{object_id}/mask.nii.gz"
        return nib.Nifti1Image.from_bytes(gzip.decompress(self.server.get(path)))

    def state(self) -> dict[str, Any]:
        """Return what the server knows of the reading."""
        found: dict[str, Any] = json.loads(self.server.get(f"api/readings/{self.store('state.value.id')}"))
        return found
