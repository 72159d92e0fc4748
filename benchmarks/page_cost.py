"""What the page costs: from click to mask on the screen, and the server's memory with several scans open.

    python benchmarks/page_cost.py
    python benchmarks/page_cost.py --shape 200 200 400 --spacing 4 4 3 --scans 3

A real server and a headless Chromium that draws in software, on this machine together. Baseline: what the server itself
reports for the same click; the rest is the page's, the way there and back included. Linux only.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from seganypet.evaluation.scan import Organ, place_organs, synthetic_scan
from seganypet.io.write import write_volume

FLAGS = [
    *("--headless", "--no-sandbox", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Shares of an organ's half axes from its middle: later clicks lie inside it too.
CLICKS = (0.0, 0.3, -0.3, 0.5, -0.5)
IDLE = "() => window.seganypet.store.tasks.value.length === 0 && window.seganypet.store.state.value !== null"
# Drawn when a pixel of the picture has been read back.
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => {
  const gl = window.seganypet.store.theViewer().nv.gl;
  gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  done(performance.now());
}))"""
PRESSED = (
    "() => addEventListener('pointerup', () => { window.pressed = performance.now(); }, { capture: true })"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", type=int, nargs=3, default=(200, 200, 400))
    parser.add_argument("--spacing", type=float, nargs=3, default=(4.0, 4.0, 3.0))
    parser.add_argument("--scans", type=int, default=3)
    arguments = parser.parse_args()
    organs = place_organs(arguments.shape, arguments.spacing, 256.0, network="the shipped weights'")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.scans):
            volume = synthetic_scan(arguments.shape, arguments.spacing, organs)
            write_volume(volume, Path(folder, "scans", f"scan{number}.nii.gz"))
        spacing = arguments.spacing
        server, address = serve(Path(folder, "scans"), Path(folder, "work"))
        try:
            with sync_playwright() as playwright:
                chromium = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                page = browser.new_page(viewport={"width": 1400, "height": 860})
                for number in range(arguments.scans):
                    report(page, address, f"scan{number}.nii.gz", organs[0], spacing)
                    print(f"  server's memory: {resident_mib(server.pid):.0f} MiB", flush=True)
                browser.close()
            print(f"server's peak with {arguments.scans} scans: {resident_mib(server.pid, 'VmHWM'):.0f} MiB")
        finally:
            server.terminate()
            server.wait()


def serve(scans: Path, work: Path) -> tuple[subprocess.Popen[str], str]:
    """Return a running server and its address."""
    command = [sys.executable, "-m", "seganypet", "serve", str(scans), "--work", str(work), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().split()[3]


def report(page: Page, address: str, name: str, organ: Organ, spacing: tuple[float, float, float]) -> None:
    """Open a scan, click, print."""
    page.goto(address)
    began = time.perf_counter()
    page.get_by_role("button", name=name, exact=True).first.click()
    page.wait_for_function(IDLE)
    page.evaluate(DRAWN)
    opened = time.perf_counter() - began
    page.wait_for_function("() => window.seganypet.store.server.value.model_ready || true")
    page.evaluate(PRESSED)
    times = [click(page, organ, share, spacing) for share in CLICKS]
    (first, first_server), later = times[0], times[1:]
    print(f"{name}: open {opened:.1f} s")
    print(f"  first click: {first:.2f} s, the server {first_server:.2f}, the page {first - first_server:.2f}")
    total, own = statistics.median(t for t, _ in later), statistics.median(t - s for t, s in later)
    print(f"  later clicks: {total:.2f} s, the page {own:.2f} ({own / total:.0%}; medians of {len(later)})")


def click(page: Page, organ: Organ, share: float, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Click in an organ; return the seconds until the mask is drawn, and those that the server took."""
    offset = share * organ.half_axes_mm[0]
    mm = [c * s for c, s in zip(organ.centre_ijk, spacing, strict=True)]
    mm[0] += offset
    page.evaluate("(mm) => window.seganypet.store.moveTo(mm)", mm)
    page.wait_for_timeout(600)
    at: Any = page.evaluate("(mm) => window.seganypet.store.theViewer().pixelOf(mm, 'axial')", mm)
    page.evaluate("() => { window.seganypet.store.lastClick.value = null; }")
    page.get_by_test_id("over").click(position={"x": at[0], "y": at[1]})
    page.wait_for_function("() => window.seganypet.store.lastClick.value !== null", polling=10)
    drawn = page.evaluate(DRAWN)
    seconds = (drawn - page.evaluate("() => window.pressed")) / 1000
    return seconds, page.evaluate("() => window.seganypet.store.lastClick.value.seconds")


def resident_mib(pid: int, field: str = "VmRSS") -> float:
    """Return a process's resident memory."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
