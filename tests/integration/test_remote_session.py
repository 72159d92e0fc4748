"""`RemoteSession` does on a server, over HTTP, what `Session` does here, and each thing once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import nibabel as nib
import numpy as np
import pytest

from live_server import LiveServer, live
from seganypet.client import LockedError, RemoteSession, ServerError, UnreachableError
from seganypet.errors import (
    GeometryError,
    ImageReadError,
    ImageValueError,
    PromptError,
    UsageError,
)
from seganypet.inference import Session
from seganypet.io import read_mask, read_volume, write_mask
from seganypet.volume import Mask, Volume
from synthetic_dicom import pet_folder
from synthetic_model import box_as_mask, half_of_click

SHAPE = (18, 22, 20)
SPACING_MM = np.diag([4.0, 3.0, 5.0])
IN_HOT, OUTSIDE, IN_WARM = (6.2, 8.0, 7.4), (9, 9, 8), (13, 15, 13)


def turned() -> np.ndarray:
    """Return a rotation by 20° about z and 10° about x."""
    a, b = np.deg2rad([20, 10])
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_z @ about_x


def affine_of(axes: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = axes @ SPACING_MM
    affine[:3, 3] = 17.3, -42.7, 310.1
    return affine


# Columns: where the file's own axes lead in the world.
AFFINES = {
    "LAS": affine_of(np.diag([-1.0, 1, 1])),
    "oblique": affine_of(turned() @ np.diag([-1.0, -1, 1])),
    "permuted": affine_of(np.array([[0, -1.0, 0], [0, 0, 1], [-1, 0, 0]])),
}


def volume_of(affine: np.ndarray) -> Volume:
    """Return noise, so that no two orders look alike, with two hot blocks."""
    suv = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    suv[4:9, 6:11, 5:10] += 8
    suv[11:16, 13:18, 11:16] += 5
    return Volume(suv, affine)


@pytest.fixture(scope="module")
def model() -> Any:
    return half_of_click()


@pytest.fixture
def server(tmp_path, model) -> Iterator[LiveServer]:
    with live(tmp_path / "server", model) as server:
        yield server


@pytest.fixture
def remote(server) -> Iterator[RemoteSession]:
    with RemoteSession(server.address, timeout_s=30) as remote:
        yield remote


class Broken:
    """Breaks the connection at chosen requests, before or after the server has answered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._send = httpx.HTTPTransport.handle_request
        self.plan: list[str] = []
        self.seen: list[httpx.Request] = []
        monkeypatch.setattr(
            httpx.HTTPTransport, "handle_request", lambda own, request: self._handle(own, request)
        )

    def _handle(self, transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        request.read()
        what = self.plan.pop(0) if self.plan else "pass"
        self.seen.append(request)
        if what == "before":
            raise httpx.ReadError("broken by the test")
        response = self._send(transport, request)
        if what == "pass":
            return response
        response.read()
        response.close()
        if what == "slow":
            raise httpx.ReadTimeout("slow by the test")
        raise httpx.ReadError("broken by the test")


@pytest.fixture
def broken(monkeypatch) -> Broken:
    return Broken(monkeypatch)


def actions_of(server: LiveServer) -> list[str]:
    """Return the kinds of all actions in effect in the one reading there is."""
    services = server.app.state.services
    (stored,) = services.store.readings()
    with services.reading(stored.id) as reading:
        return [action.kind for action in reading.actions]


STEPS: dict[str, list[Callable[[Any], Any]]] = {
    "clicks": [
        lambda s: s.add_click(IN_HOT),
        lambda s: s.add_click(OUTSIDE, positive=False),
        lambda s: s.undo(),
        lambda s: s.add_click(IN_WARM),
        lambda s: s.undo(),
        lambda s: s.undo(),
        lambda s: s.redo(),
        lambda s: s.redo(),
        lambda s: s.reset(),
        lambda s: s.undo(),
        lambda s: s.redo(),
        lambda s: s.add_click_mm(s.volume.to_xyz_mm(IN_WARM)),
        lambda s: s.add_click((12, 14, 12), False),
    ],
    "mask": [
        lambda s: s.add_click(IN_HOT),
        lambda s: s.add_mask(s.volume.like(np.indices(SHAPE).sum(axis=0) % 29 < 6)),
        lambda s: s.add_click(OUTSIDE, positive=False),
        lambda s: s.add_click(IN_WARM),
        lambda s: s.undo(),
        lambda s: s.undo(),
        lambda s: s.undo(),
        lambda s: s.redo(),
        lambda s: s.add_click(IN_HOT),
    ],
}


def compare(session: Session, remote: RemoteSession, steps: list[Callable[[Any], Any]]) -> None:
    """Do the same with both, and assert that they agree after each step."""
    seen = set()
    for number, step in enumerate(steps):
        here, there = step(session), step(remote)
        np.testing.assert_array_equal(there.array, here.array, err_msg=f"step {number}")
        np.testing.assert_array_equal(remote.mask.array, session.mask.array)
        np.testing.assert_array_equal(there.affine, here.affine)
        assert remote.clicks == session.clicks
        assert remote.box == session.box
        assert remote.expected_dice == pytest.approx(session.expected_dice, abs=1e-4)
        seen.add(here.array.tobytes())
    assert len(seen) > 2  # else this compares nothing


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("order", AFFINES)
def test_masks_are_those_of_a_local_session(order, steps, remote, model):
    volume = volume_of(AFFINES[order])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    assert not remote.mask.array.any()
    compare(session, remote, STEPS[steps])


@pytest.mark.parametrize("order", AFFINES)
def test_boxes_are_those_of_a_local_session(order, tmp_path):
    model, volume = box_as_mask(), volume_of(AFFINES[order])
    session = Session(model)
    session.set_volume(volume)
    with live(tmp_path, model) as server, RemoteSession(server.address) as remote:
        remote.set_volume(volume)
        steps: list[Callable[[Any], Any]] = [
            lambda s: s.add_click(IN_WARM),
            lambda s: s.add_box((3, 6, 5), (8.4, 11, 9)),
            lambda s: s.add_click((10, 7, 6)),
            lambda s: s.add_click((4, 7, 6), positive=False),
            lambda s: s.undo(),
            lambda s: s.undo(),
            lambda s: s.undo(),
            lambda s: s.redo(),
        ]
        compare(session, remote, steps)
        assert remote.box is not None


@pytest.mark.parametrize("order", AFFINES)
def test_a_scan_of_the_servers_folder_is_counted_as_in_its_file(order, server, remote, model):
    path = server.root / "patient" / "pet.nii.gz"
    path.parent.mkdir()
    nib.save(nib.Nifti1Image(volume_of(AFFINES[order]).array, AFFINES[order]), path)
    volume = read_volume(path)
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume("patient/pet.nii.gz", name="liver")
    assert remote.shape == SHAPE
    np.testing.assert_array_equal(remote.affine, volume.affine)
    compare(session, remote, STEPS["clicks"])
    np.testing.assert_array_equal(remote.volume.array, volume.array)
    np.testing.assert_array_equal(remote.volume.affine, volume.affine)
    assert remote.volume is remote.volume


def test_a_file_here_is_uploaded_and_its_mask_lies_on_it(tmp_path, remote, model):
    path = tmp_path / "here.nii.gz"
    image = nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"])
    image.set_qform(AFFINES["LAS"], code=3)
    nib.save(image, path)
    remote.set_volume(str(path))
    mask = remote.add_click(IN_HOT)
    write_mask(mask, tmp_path / "mask.nii.gz")
    again: Any = nib.load(tmp_path / "mask.nii.gz")
    assert int(again.header["qform_code"]) == 3
    session = Session(model)
    session.set_volume(read_volume(path))
    expected = session.add_click(IN_HOT)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz").array, expected.array)


def test_a_dicom_series_is_uploaded_as_its_suv(tmp_path, server, remote, model):
    folder = pet_folder(tmp_path / "series")
    remote.set_volume(folder)
    session = Session(model)
    session.set_volume(read_volume(folder))
    hottest = np.unravel_index(int(session.volume.array.argmax()), session.volume.shape)
    expected = session.add_click([float(c) for c in hottest])
    np.testing.assert_array_equal(remote.add_click([float(c) for c in hottest]).array, expected.array)
    kept = [path for path in (server.work / "uploads").rglob("*") if path.is_file()]
    assert [path.suffix for path in kept] == [".nii"]  # no tags that name the patient


def test_uncertainty_is_near_that_of_a_local_session(remote, model):
    volume = volume_of(AFFINES["permuted"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    assert not remote.uncertainty.any()
    for s in (session, remote):
        s.add_click(IN_HOT)
    assert remote.probability is None
    step = np.log(2) / 255
    np.testing.assert_allclose(remote.uncertainty, session.uncertainty, rtol=0, atol=13 * step)
    sure = session.uncertainty > 13 * step
    assert sure.any()
    np.testing.assert_allclose(remote.uncertainty[sure], session.uncertainty[sure], rtol=0, atol=0.51 * step)
    assert remote.uncertainty.dtype == np.float32


def test_each_volume_begins_a_new_object(server, remote):
    path = server.root / "pet.nii"
    nib.save(nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"]), path)
    remote.set_volume("pet.nii", name="first")
    first = remote.add_click(IN_HOT)
    remote.set_volume("pet.nii", name="second")
    assert not remote.mask.array.any()
    assert remote.clicks == ()
    with pytest.raises(UsageError, match=r"^nothing to undo$"):
        remote.undo()
    remote.add_click(IN_WARM)
    (stored,) = server.app.state.services.store.readings()
    with server.app.state.services.reading(stored.id) as reading:
        assert [found.name for found in reading.objects.values()] == ["first", "second"]
        np.testing.assert_array_equal(reading.array(1)[::-1], first.array)


def test_there_is_nothing_to_undo_or_redo_beyond_the_session(remote):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    with pytest.raises(UsageError, match=r"^nothing to undo$"):
        remote.undo()
    with pytest.raises(UsageError, match=r"^nothing to redo$"):
        remote.redo()
    remote.add_click(IN_HOT)
    remote.undo()
    remote.add_click(IN_WARM)
    with pytest.raises(UsageError, match=r"^nothing to redo$"):
        remote.redo()


@pytest.mark.parametrize(
    ("step", "error", "text"),
    [
        (
            lambda s: s.add_click((0, 22, 0)),
            PromptError,
            r"\(0.0, 22.0, 0.0\) is outside the volume of shape \(18",
        ),
        (lambda s: s.add_click((0, float("nan"), 0)), PromptError, "finite"),
        (lambda s: s.add_click((1, 1, 1), positive=False), PromptError, "the first click must be positive"),
        (lambda s: s.add_click_mm((0, 0)), PromptError, "three finite world coordinates"),
        (lambda s: s.add_box((1, 1, 1), (9, 9, 9)), PromptError, "were not trained with boxes"),
        (
            lambda s: s.add_box((1, 1, 1), (9, 9, 20)),
            PromptError,
            r"reaches beyond the volume.*\(17, 21, 19\)",
        ),
        (lambda s: s.add_mask(Mask(np.zeros(SHAPE, bool), AFFINES["LAS"])), PromptError, "is empty"),
        (
            lambda s: s.add_mask(Mask(np.ones(SHAPE, bool), AFFINES["oblique"])),
            GeometryError,
            "not on the volume",
        ),
    ],
)
def test_refusals_are_those_of_a_local_session(step, error, text, remote, model):
    volume = volume_of(AFFINES["LAS"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    messages = []
    for s in (session, remote):
        if "boxes" not in text and "beyond" in text and s is session:
            continue  # weights that know no boxes say so first
        with pytest.raises(error, match=text) as caught:
            step(s)
        assert type(caught.value) is error
        messages.append(str(caught.value))
    if "not trained" not in text and "positive" not in text:
        assert len(set(messages)) == 1
    assert not remote.mask.array.any()
    assert remote.clicks == ()
    remote.add_click(IN_HOT)


def test_without_a_volume_there_is_nothing_to_do(remote):
    for step in (
        lambda: remote.volume,
        lambda: remote.mask,
        lambda: remote.add_click((1, 1, 1)),
        remote.undo,
    ):
        with pytest.raises(UsageError, match="no volume; call set_volume first"):
            step()


def test_a_path_that_is_nowhere_is_refused_and_the_volume_before_stays(server, remote, tmp_path):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    before = remote.add_click(IN_HOT)
    with pytest.raises(ImageReadError, match=r"nothing\.nii: neither here nor on the server"):
        remote.set_volume("nothing.nii")
    with pytest.raises(ServerError, match="no such file or folder") as caught:
        remote.set_volume("nothing.nii", on_server=True)
    assert (caught.value.status, caught.value.kind) == (404, "NotFoundError")
    with pytest.raises(ImageReadError, match="no such file"):
        remote.set_volume("nothing.nii", on_server=False)
    with pytest.raises(ServerError, match="outside the served folder"):
        remote.set_volume("../work/work.sqlite", on_server=True)
    (server.root / "bad.nii").write_bytes(b"no image")
    with pytest.raises(ImageReadError, match=r"bad\.nii"):
        remote.set_volume("bad.nii")
    np.testing.assert_array_equal(remote.mask.array, before.array)
    assert remote.undo().array.sum() == 0


def test_an_upload_that_is_refused_leaves_nothing(tmp_path, model):
    with live(tmp_path, model, most_upload_bytes=1000) as server, RemoteSession(server.address) as remote:
        with pytest.raises(ServerError, match="at most 1000 are taken") as caught:
            remote.set_volume(volume_of(AFFINES["LAS"]))
        assert caught.value.kind == "TooLargeError"
        assert list((server.work / "uploads").iterdir()) == []


def test_values_that_the_server_doubts_are_refused_as_they_would_be_here(server, remote):
    nib.save(nib.Nifti1Image(np.full(SHAPE, 2, np.float32), np.eye(4)), server.root / "flat.nii")
    with pytest.raises(ImageValueError, match="every voxel is 2"):
        remote.set_volume("flat.nii")


def test_on_a_manual_server_the_model_is_off(tmp_path, model):
    with live(tmp_path, model, assisted=False) as server, RemoteSession(server.address) as remote:
        remote.set_volume(volume_of(AFFINES["LAS"]))
        with pytest.raises(UsageError, match="the model is off"):
            remote.add_click(IN_HOT)
        given = np.zeros(SHAPE, bool)
        given[2:4, 3:5, 6:9] = True
        np.testing.assert_array_equal(remote.add_mask(Mask(given, AFFINES["LAS"])).array, given)


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(
        UnreachableError, match=r"^http://127\.0\.0\.1:9: cannot be reached .*seganypet serve"
    ):
        RemoteSession("http://127.0.0.1:9/")


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://localhost", "http://", "", "http://a:port"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(UsageError, match="is no address of a server; give for example http"):
        RemoteSession(address)


def test_another_program_on_the_port_is_recognised():
    async def hello(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>hello</html>"})

    import uvicorn

    from seganypet.app.running import listening_socket

    socket = listening_socket("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(hello, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    with pytest.raises(ServerError, match="answered 404 Not Found without saying why"):
        RemoteSession(f"http://127.0.0.1:{socket.getsockname()[1]}")
    server.should_exit = True
    thread.join()


def test_the_token_is_sent(tmp_path, model):
    with live(tmp_path, model, token="long enough") as server:
        for wrong in (None, "short"):
            with pytest.raises(ServerError, match="wants a token") as caught:
                RemoteSession(server.address, token=wrong)
            assert caught.value.status == 401
        RemoteSession(server.address, token="long enough").close()
        RemoteSession(f"{server.address}/?token=long%20enough").close()
        with pytest.raises(UsageError, match="cannot be sent"):
            RemoteSession(server.address, token="länge")


def test_a_reading_that_somebody_works_on_is_not_taken(server):
    nib.save(nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"]), server.root / "pet.nii")
    with RemoteSession(server.address) as first, RemoteSession(server.address) as second:
        first.set_volume("pet.nii")
        first.add_click(IN_HOT)
        with pytest.raises(LockedError, match="open elsewhere"):
            second.set_volume("pet.nii")
        with RemoteSession(server.address, reader="another") as third:
            third.set_volume("pet.nii")
            third.add_click(IN_WARM)
        before = first.mask
        with RemoteSession(server.address, take_over=True) as fourth:
            fourth.set_volume("pet.nii")
            with pytest.raises(LockedError, match="open elsewhere"):
                first.add_click(IN_WARM)
            assert len(first.clicks) == 1
            np.testing.assert_array_equal(first.mask.array, before.array)
        with pytest.raises(
            ServerError, match=r"somebody else changed reading .*; begin anew with set_volume"
        ):
            first.add_click(IN_WARM)
        with pytest.raises(ServerError, match="somebody else changed"):
            first.undo()
        first.set_volume("pet.nii")
        first.add_click(IN_WARM)


def test_closing_lets_others_in(server):
    nib.save(nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"]), server.root / "pet.nii")
    first, second = RemoteSession(server.address), RemoteSession(server.address)
    first.set_volume("pet.nii")
    first.close()
    first.close()
    second.set_volume("pet.nii")
    second.close()
    with pytest.raises(UsageError, match="no volume"):
        first.add_click(IN_HOT)
    with pytest.raises(UsageError, match="was closed; make a new one"):
        first.set_volume("pet.nii")


def test_an_object_that_is_refused_holds_no_reading(server):
    nib.save(nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"]), server.root / "pet.nii")
    with RemoteSession(server.address) as first, RemoteSession(server.address) as second:
        with pytest.raises(ServerError, match="name") as caught:
            first.set_volume("pet.nii", name=" ")
        assert (caught.value.status, caught.value.kind) == (422, "RequestValidationError")
        second.set_volume("pet.nii")
        with pytest.raises(LockedError):
            first.set_volume("pet.nii")
        with pytest.raises(UsageError, match="no volume"):
            _ = first.mask


def test_another_scan_lets_go_of_the_first(server):
    for name in ("a.nii", "b.nii"):
        nib.save(nib.Nifti1Image(volume_of(AFFINES["LAS"]).array, AFFINES["LAS"]), server.root / name)
    with RemoteSession(server.address) as first, RemoteSession(server.address) as second:
        first.set_volume("a.nii")
        first.set_volume("b.nii")
        second.set_volume("a.nii")
        with pytest.raises(LockedError):
            second.set_volume("b.nii")
        second.add_click(IN_HOT)  # still on the first


def test_work_goes_on_after_the_server_was_started_anew(server, remote, model):
    volume = volume_of(AFFINES["oblique"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    compare(session, remote, STEPS["clicks"][:5])
    server.stop()
    with pytest.raises(UnreachableError, match=f"{server.address}: "):
        remote.add_click(IN_WARM)
    server.start()
    compare(session, remote, STEPS["clicks"][5:])
    assert actions_of(server) == ["add", "click", "click", "clear", "click", "click"]


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("number", range(len(STEPS["clicks"])))
def test_a_lost_answer_doubles_nothing(number, where, server, remote, model, broken):
    volume = volume_of(AFFINES["permuted"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    for count, step in enumerate(STEPS["clicks"]):
        if count == number:
            broken.plan = [where]
        np.testing.assert_array_equal(step(remote).array, step(session).array)
        assert remote.clicks == session.clicks
    assert broken.plan == []
    assert actions_of(server) == ["add", "click", "click", "clear", "click", "click"]


@pytest.mark.parametrize("number", range(len(STEPS["clicks"])))
def test_an_action_that_raised_has_not_happened(number, server, remote, model, broken):
    """The answer is lost, and so is the look at what became of it; then the reader does something else first."""
    volume = volume_of(AFFINES["permuted"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    for count, step in enumerate(STEPS["clicks"]):
        if count == number:
            broken.plan = ["after", "before"]
            before = remote.mask.array
            with pytest.raises(UnreachableError, match="the connection broke"):
                step(remote)
            np.testing.assert_array_equal(remote.mask.array, before)
        np.testing.assert_array_equal(step(remote).array, step(session).array)
    assert actions_of(server) == ["add", "click", "click", "clear", "click", "click"]


def test_what_could_be_done_again_is_gone_once_a_lost_click_was_taken_back(remote, broken):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    remote.add_click(IN_HOT)
    remote.undo()
    broken.plan = ["after", "before"]
    with pytest.raises(UnreachableError):
        remote.add_click(IN_WARM)
    with pytest.raises(UsageError, match="nothing to redo"):
        remote.redo()  # on the server, this would be the lost click
    assert not remote.mask.array.any()


def test_an_answer_that_takes_too_long_is_not_waited_for_twice(server, remote, broken):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    broken.plan = ["slow"]
    with pytest.raises(
        UnreachableError, match="no answer within 30 s; try again, or give a larger timeout_s"
    ):
        remote.add_click(IN_HOT)
    sent = len(broken.seen)
    assert broken.seen[-1].url.path.endswith("/clicks")
    mask = remote.add_click(IN_WARM)
    assert len(broken.seen) > sent + 1
    assert remote.clicks[0].ijk == IN_WARM
    assert mask.array[IN_WARM]
    assert actions_of(server) == ["add", "click"]


def test_a_request_that_arrives_late_is_refused(server, remote, broken):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    broken.plan = ["before"]
    remote.add_click(IN_HOT)
    late = next(request for request in broken.seen if request.url.path.endswith("/clicks"))
    with httpx.Client() as other:
        answer = other.send(httpx.Request(late.method, late.url, headers=late.headers, content=late.content))
    assert answer.status_code == 423
    assert actions_of(server) == ["add", "click"]


def test_a_server_that_ends_in_the_middle_of_a_click_loses_and_doubles_nothing(server, remote, model, broken):
    """The action is stored, the server is gone before its answer comes, and comes back without any lease."""
    volume = volume_of(AFFINES["LAS"])
    session = Session(model)
    session.set_volume(volume)
    remote.set_volume(volume)
    broken.plan = ["after", "before"]
    with pytest.raises(UnreachableError):
        remote.add_click(IN_HOT)
    server.stop()
    server.start()
    np.testing.assert_array_equal(remote.add_click(IN_HOT).array, session.add_click(IN_HOT).array)
    np.testing.assert_array_equal(remote.undo().array, session.undo().array)
    assert actions_of(server) == ["add"]


def test_a_longer_silence_than_the_lease_is_no_matter_while_nobody_else_comes(tmp_path, model):
    with live(tmp_path, model, lease_s=0.05) as server, RemoteSession(server.address) as remote:
        remote.set_volume(volume_of(AFFINES["LAS"]))
        remote.add_click(IN_HOT)
        time.sleep(0.1)
        remote.add_click(IN_WARM)
        assert len(remote.clicks) == 2


def test_the_client_needs_no_torch_and_no_server():
    code = (
        "import sys, seganypet.client; "
        "print(*({'torch', 'fastapi', 'uvicorn', 'starlette', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


def test_nothing_that_a_session_calls_needs_torch(server, tmp_path):
    path = tmp_path / "pet.nii"
    nib.save(nib.Nifti1Image(volume_of(AFFINES["oblique"]).array, AFFINES["oblique"]), path)
    code = (
        "import sys; from seganypet.client import RemoteSession\n"
        f"with RemoteSession({server.address!r}) as session:\n"
        f"    session.set_volume({str(path)!r})\n"
        f"    mask = session.add_click({IN_HOT!r})\n"
        "    session.add_mask(mask); session.uncertainty; session.undo()\n"
        "print(int(mask.array.sum()), 'torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["125", "False"]


def test_the_volume_keeps_its_affine_to_the_last_bit(server, remote):
    affine = AFFINES["oblique"]
    assert not np.array_equal(affine, affine.astype(np.float32))
    remote.set_volume(replace(volume_of(affine)))
    np.testing.assert_array_equal(remote.affine, affine)


@pytest.mark.parametrize("leave", [lambda s: s.close(), lambda s: s.set_volume(volume_of(AFFINES["LAS"]))])
def test_a_lost_action_is_taken_back_when_the_session_leaves(leave, server, remote, broken):
    remote.set_volume(volume_of(AFFINES["LAS"]))
    (stored,) = server.app.state.services.store.readings()
    remote.add_click(IN_HOT)
    broken.plan = ["slow"]
    with pytest.raises(UnreachableError):
        remote.add_click(IN_WARM)
    leave(remote)
    with server.app.state.services.reading(stored.id) as reading:
        assert [action.kind for action in reading.actions] == ["add", "click"]
