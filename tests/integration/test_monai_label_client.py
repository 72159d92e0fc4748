"""The client class that MONAI Label's plug-in for 3D Slicer uses, against a server on a port.

It is installed without what its package depends on (see the Makefile): one file that speaks HTTP.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import nibabel as nib
import nrrd
import numpy as np
import pytest
import uvicorn
from scipy import ndimage

from seganypet.app.model import SharedModel
from seganypet.app.running import listening_socket
from seganypet.app.server import create_app
from seganypet.io.write import json_text
from seganypet.models.weights import load_model
from seganypet.targets import LESION, ORGANS
from small_server import HOT, IN_HOT, IN_WARM, LAS, RAS, WARM, in_block, oblique, small_settings, write_scan
from synthetic_dicom import START_FACTOR, make_slices, write_series
from synthetic_model import half_of_click

module = pytest.importorskip(
    "monailabel.client.client",
    reason="monailabel is missing, or Python is 3.13 or later, which has no cgi: make setup, with Python 3.11 or 3.12",
    exc_type=ImportError,
)
Client, Failure = module.MONAILabelClient, module.MONAILabelClientException

GRIDS = {"las": LAS, "ras": RAS, "oblique": oblique()}
TOKEN = "a token of the server"
CUBES = {"PixelSpacing": [4.0, 4.0], "gaps": 4.0}
CORONAL = (1, 0, 0, 0, 0, -1)


@contextmanager
def server_on_a_port(folder: Path, model=half_of_click, **settings: Any) -> Iterator[str]:
    """Serve in a thread; give the address."""
    socket = listening_socket("127.0.0.1", 0)
    port = socket.getsockname()[1]
    app = create_app(small_settings(folder, port=port, **settings), SharedModel(model, "synthetic"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        until = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A server, its client, and a scan on each grid: the same array, so hot where the file's own voxels say."""
    folder = tmp_path_factory.mktemp("monai")
    files = {name: write_scan(folder / "files" / f"{name}.nii.gz", grid) for name, grid in GRIDS.items()}
    made = []
    with server_on_a_port(folder, lambda: made.append(half_of_click()) or made[-1]) as address:
        client = Client(address, tmpdir=str(folder), client_id="tester")
        yield SimpleNamespace(address=address, client=client, files=files, folder=folder, made=made)


def infer(served, image: str, foreground, background=(), *, session_id=None, file=None, **params: Any):
    """Return mask array, RAS+ affine and params of an inference, from the file as it was saved."""
    wanted = {
        "label": "liver",
        "foreground": [list(p) for p in foreground],
        "background": list(background),
        **params,
    }
    path, told = served.client.infer("seganypet", image, wanted, session_id=session_id, file=file)
    return *loaded(Path(path)), told


def loaded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return array and RAS+ affine of a file."""
    if path.suffix == ".nrrd":
        array, header = nrrd.read(str(path))
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = header["space directions"].T, header["space origin"]
        return array, np.diag([-1, -1, 1, 1]) @ affine
    image = nib.load(path)
    return np.asarray(image.dataobj), image.affine


def uploaded(served, name: str, image_id: str | None = None) -> str:
    return served.client.upload_image(str(served.files[name]), image_id or f"{name} of a test")["image"]


def test_info_offers_one_model_of_clicks(served):
    info = served.client.info()
    assert info["labels"] == [LESION, *ORGANS]
    assert info["models"]["seganypet"]["type"] == "deepgrow"
    assert info["models"]["seganypet"]["dimension"] == 3
    assert info["trainers"] == info["scoring"] == info["train_stats"] == {}
    assert {"name", "description", "version", "strategies", "datastore"} <= info.keys()
    assert "config" not in info, "Slicer takes this for a server that is too old"


@pytest.mark.parametrize("extension", [".nrrd", ".nii.gz", ".nii"])
@pytest.mark.parametrize("grid", GRIDS)
def test_a_click_in_the_files_voxels_gives_a_mask_there(served, grid: str, extension: str):
    image = uploaded(served, grid)
    mask, affine, told = infer(served, image, [IN_HOT], result_extension=extension, result_dtype="uint8")
    assert told["label_names"] == {"liver": 1}
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, in_block(HOT))
    np.testing.assert_allclose(affine, GRIDS[grid], atol=1e-5)
    centre = (affine @ [*np.argwhere(mask).mean(axis=0), 1])[:3]
    planted = (GRIDS[grid] @ [5.5, 6.5, 7.5, 1])[:3]
    np.testing.assert_allclose(centre, planted, atol=1e-3)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("extension", [".nrrd", ".nii.gz"])
def test_itk_finds_the_mask_on_the_images_grid(served, grid: str, extension: str):
    sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `compare`")
    image = sitk.ReadImage(str(served.files[grid]))
    wanted = {"foreground": [list(IN_HOT)], "result_extension": extension}
    path, _ = served.client.infer("seganypet", uploaded(served, grid), wanted)
    mask = sitk.ReadImage(path)
    assert mask.GetSize() == image.GetSize()
    for found, expected in zip(
        (mask.GetOrigin(), mask.GetSpacing(), mask.GetDirection()),
        (image.GetOrigin(), image.GetSpacing(), image.GetDirection()),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert mask.GetPixel(IN_HOT) == 1


@pytest.mark.parametrize("grid", GRIDS)
def test_one_more_click_changes_the_mask_and_costs_one_click(served, grid: str):
    image, (model,) = uploaded(served, grid), served.made
    first, _, _ = infer(served, image, [IN_HOT], result_extension=".nrrd")
    once = model.network.decoded
    infer(served, image, [IN_HOT], result_extension=".nrrd")
    assert model.network.decoded == once
    corner = (7, 8, 9)
    less, _, _ = infer(served, image, [IN_HOT], [corner], result_extension=".nrrd")
    assert model.network.decoded == once + 1
    assert first[corner]
    assert not less[corner]
    more, _, _ = infer(served, image, [IN_HOT, IN_WARM], [corner], result_extension=".nrrd")
    assert model.network.decoded > once + 1
    assert more[IN_WARM]
    assert not more[corner]


def test_slicers_own_name_of_an_image_will_do(served):
    uploaded(served, "las", "PET of a patient, series 4")
    mask, _, _ = infer(served, "PET of a patient, series 4", [IN_WARM])
    np.testing.assert_array_equal(mask, in_block(WARM))


def test_an_image_that_comes_with_the_click_leaves_nothing(served):
    before = served.client.datastore()["objects"].keys()
    uploads = sorted((served.folder / "work" / "uploads").iterdir())
    mask, affine, _ = infer(served, "", [IN_HOT], file=str(served.files["oblique"]))
    np.testing.assert_array_equal(mask, in_block(HOT))
    np.testing.assert_allclose(affine, GRIDS["oblique"], atol=1e-5)
    assert served.client.datastore()["objects"].keys() == before
    assert sorted((served.folder / "work" / "uploads").iterdir()) == uploads


def test_a_session_lives_until_it_is_removed(served):
    client, (model,) = served.client, served.made
    session_id = client.create_session(str(served.files["las"]))["session_id"]
    assert client.get_session(session_id)["name"] == session_id
    mask, _, _ = infer(served, "", [IN_HOT], session_id=session_id)
    np.testing.assert_array_equal(mask, in_block(HOT))
    before = model.network.decoded
    infer(served, "", [IN_HOT], [(7, 8, 9)], session_id=session_id)
    assert model.network.decoded == before + 1
    scan_id = client.remove_session(session_id)["image"]
    with pytest.raises(Failure) as refused:
        client.get_session(session_id)
    assert refused.value.status_code == 404
    assert scan_id not in client.datastore()["objects"]
    assert all(scan_id not in path.name for path in (served.folder / "work" / "sessions").iterdir())


def test_a_session_of_a_dicom_series_takes_all_its_files(served):
    stored = np.ones((6, 8, 10), np.int16)
    stored[2:4, 3:6, 4:8] = 2000
    files = write_series(served.folder / "series", make_slices(stored=stored, **CUBES))
    sent = [("files", (file.name, file.read_bytes())) for file in sorted(files.iterdir())]
    session = httpx.put(f"{served.address}/session/", files=sent).raise_for_status().json()
    mask, _, _ = infer(served, "", [(5, 4, 2)], session_id=session["session_id"])
    assert mask.shape == (10, 8, 6)
    np.testing.assert_array_equal(mask.transpose(2, 1, 0) == 1, stored == 2000)


def test_a_label_is_stored_and_comes_back(served):
    client = served.client
    image, other = uploaded(served, "las"), uploaded(served, "oblique")
    path, _ = client.infer("seganypet", image, {"foreground": [list(IN_HOT)], "result_extension": ".nii.gz"})
    counted = client.info()["datastore"]
    stored = client.save_label(image, path, params={"label_info": [{"name": "liver", "idx": 1}]})
    assert stored == {"image": image, "label": image}
    assert client.info()["datastore"]["completed"] == counted["completed"] + 1
    label = client.datastore()["objects"][image]["labels"]["final"]
    assert label["info"]["label_info"] == [{"name": "liver", "idx": 1}]
    assert label["info"]["client_id"] == "tester"
    array, affine = loaded(Path(client.download_label(image, "final")))
    np.testing.assert_array_equal(array, in_block(HOT))
    np.testing.assert_allclose(affine, LAS, atol=1e-5)
    assert (served.folder / "work" / "labels" / image / "final.nii.gz").is_file()
    assert "final" not in client.datastore()["objects"][other]["labels"]


def test_a_label_of_another_tag_is_apart(served):
    image = uploaded(served, "ras")
    path, _ = served.client.infer(
        "seganypet", image, {"foreground": [list(IN_WARM)], "result_extension": ".nii"}
    )
    served.client.save_label(image, path, tag="original")
    assert list(served.client.datastore()["objects"][image]["labels"]) == ["original"]
    array, _ = loaded(Path(served.client.download_label(image, "original")))
    np.testing.assert_array_equal(array, in_block(WARM))


def test_training_does_not_run(served):
    assert served.client.train_status(check_if_running=True) is False
    with pytest.raises(Failure) as refused:
        served.client.train_start("seganypet", {})
    assert "501" in refused.value.msg
    assert "does not train" in refused.value.msg


def test_refusals_reach_the_client_with_their_reason(served):
    image = uploaded(served, "las")
    for points, reason in [
        ([], "no foreground click"),
        ([(99, 0, 0)], "outside the image of shape (20, 18, 16)"),
    ]:
        with pytest.raises(Failure) as refused:
            infer(served, image, points)
        assert "Status: 422" in refused.value.msg
        assert reason in refused.value.msg


def test_the_token_is_the_password(tmp_path):
    write_scan(tmp_path / "files" / "pet.nii.gz")
    with server_on_a_port(tmp_path, token=TOKEN) as address:
        assert Client(address).auth_enabled()
        with pytest.raises(Failure) as refused:
            Client(address).info()
        assert refused.value.status_code == 401
        with pytest.raises(Failure) as refused:
            Client(address).auth_token("anybody", "guessed")
        assert refused.value.status_code == 401
        assert TOKEN not in refused.value.msg
        assert not Client(address).auth_valid_token()
        token = Client(address).auth_token("anybody", TOKEN)

        def known() -> (
            Any
        ):  # a new one for each request, as Slicer has it: it sends headers of the last one again
            client = Client(address, tmpdir=str(tmp_path))
            client.update_auth(token)
            return client

        assert known().auth_valid_token()
        assert known().info()["name"] == "SegAnyPET"
        image = known().upload_image(str(tmp_path / "files" / "pet.nii.gz"), "pet")["image"]
        path, _ = known().infer("seganypet", image, {"foreground": [list(IN_HOT)]})
        np.testing.assert_array_equal(loaded(Path(path))[0], in_block(HOT))


class TestNextSample:
    """What Slicer does with Next Sample: fetch an image by its id, count voxels of what it loaded, send a label."""

    @pytest.fixture(params=GRIDS)
    def sample(self, tmp_path, request) -> Iterator[SimpleNamespace]:
        write_scan(tmp_path / "served" / "pet.nii.gz", GRIDS[request.param])
        with server_on_a_port(tmp_path) as address:
            client = Client(address, tmpdir=str(tmp_path))
            scan = httpx.post(f"{address}/api/scans", json={"path": "pet.nii.gz"}).raise_for_status().json()
            told = client.next_sample("first", {})
            content = httpx.get(f"{address}/datastore/image", params={"image": told["id"]}).raise_for_status()
            path = tmp_path / told["name"]
            path.write_bytes(content.content)
            yield SimpleNamespace(
                address=address, client=client, told=told, path=path, scan=scan, grid=GRIDS[request.param]
            )

    def test_the_image_is_right_handed_and_lies_where_it_did(self, sample):
        image = nib.load(sample.path)
        assert np.linalg.det(image.affine[:3, :3]) > 0, "Slicer 5.8 would reverse its last axis"
        hot = np.argwhere(np.asarray(image.dataobj) == 10).mean(axis=0)
        planted = (sample.grid @ [5.5, 6.5, 7.5, 1])[:3]
        np.testing.assert_allclose((image.affine @ [*hot, 1])[:3], planted, atol=1e-3)

    def test_clicks_in_its_voxels_give_a_mask_on_its_grid(self, sample):
        suv, affine = loaded(sample.path)
        ijk = [int(c) for c in np.argwhere(suv == 6)[13]]
        wanted = {"foreground": [ijk], "result_extension": ".nrrd"}
        path, _ = sample.client.infer("seganypet", sample.told["id"], wanted)
        mask, on = loaded(Path(path))
        np.testing.assert_array_equal(mask == 1, suv == 6)
        np.testing.assert_allclose(on, affine, atol=1e-4)

    def test_its_label_is_stored_on_the_scans_own_grid(self, sample, tmp_path):
        suv, affine = loaded(sample.path)
        label = tmp_path / "label.nii.gz"
        nib.save(nib.Nifti1Image((suv == 10).astype(np.uint8) * 2, affine), label)
        sample.client.save_label(sample.told["id"], str(label))
        array, on = loaded(Path(sample.client.download_label(sample.scan["id"], "final")))
        np.testing.assert_array_equal(array, in_block(HOT) * 2)
        np.testing.assert_allclose(on, sample.grid, atol=1e-4)
        assert sample.client.next_sample("random", {}) == {}


@pytest.fixture(scope="module")
def series(tmp_path_factory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("ohif")
    stored = np.full((7, 8, 10), 100, np.int16)
    stored[2:4, 3:6, 4:8] = 2000
    slices = make_slices(stored=stored, orientation=CORONAL, **CUBES)
    files = write_series(folder / "served" / "pet", slices[::-1])
    with server_on_a_port(folder, allowed_origins=("https://viewer.example",)) as address:
        httpx.post(f"{address}/api/scans", json={"path": "pet"}).raise_for_status()
        uid = str(slices[0].SeriesInstanceUID)
        yield SimpleNamespace(address=address, uid=uid, stored=stored, files=files)


class TestOHIF:
    """What the extension sends and how it reads what comes, as of the version that MONAI Label 0.8.5 brings along."""

    def test_points_of_its_viewer_give_voxels_in_its_order(self, series):
        params = {
            "foreground": [[5, 4, 2]],
            "background": [],
            "result_extension": ".nrrd",
            "result_dtype": "uint8",
            "result_compress": False,
            "restore_label_idx": False,
        }
        reply = httpx.post(
            f"{series.address}/infer/seganypet",
            params={"image": series.uid, "output": "image"},
            files={"params": (None, json_text(params))},
            headers={"Origin": "https://viewer.example"},
        ).raise_for_status()
        assert reply.headers["access-control-allow-origin"] == "https://viewer.example"
        header, _, voxels = reply.content.partition(b"\n\n")
        assert b"encoding: raw" in header
        assert b"sizes: 10 8 7" in header
        mask = np.frombuffer(voxels, np.uint8).reshape(7, 8, 10)  # slice, row, column
        np.testing.assert_array_equal(mask == 1, series.stored == 2000)

    def test_its_earlier_panel_finds_the_parts_by_their_type(self, series):
        params = {"foreground": [[5, 4, 2]], "result_extension": ".nrrd", "result_dtype": "uint16"}
        reply = httpx.post(
            f"{series.address}/infer/seganypet",
            params={"image": series.uid, "output": "all"},
            files={"params": (None, json_text({**params, "result_compress": False}))},
        ).raise_for_status()
        boundary = reply.headers["content-type"].partition("boundary=")[2].encode()
        told, image = reply.content.split(b"--" + boundary)[1:3]
        assert b"Content-Type: application/json" in told
        assert b'"centroids": {}' in told
        assert b"Content-Type: application/octet-stream" in image
        voxels = image.split(b"\r\n\r\n")[1].removesuffix(b"\r\n").partition(b"\n\n")[2]
        mask = np.frombuffer(voxels, "<u2").reshape(7, 8, 10)
        np.testing.assert_array_equal(mask == 1, series.stored == 2000)

    def test_its_labels_are_voxels_alone(self, series):
        voxels = (series.stored == 2000).astype(np.uint8) * 3
        sent = {"params": (None, "{}"), "label": ("label.bin", voxels.tobytes())}
        where = f"{series.address}/datastore/label"
        httpx.put(where, params={"image": series.uid}, files=sent).raise_for_status()
        reply = httpx.get(where, params={"label": series.uid, "tag": "final"}).raise_for_status()
        label = nib.Nifti1Image.from_bytes(gzip.decompress(reply.content))
        np.testing.assert_array_equal(np.asarray(label.dataobj).transpose(2, 1, 0), voxels)

    def test_a_browser_may_ask_before_it_sends(self, series):
        asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
        for origin, status in [("https://viewer.example", 200), ("https://other.example", 400)]:
            reply = httpx.options(f"{series.address}/datastore/label", headers={"Origin": origin, **asked})
            assert reply.status_code == status

    def test_itk_sorts_slices_as_we_do(self, series):
        sitk = pytest.importorskip("SimpleITK", reason="SimpleITK is in the extra `compare`")
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series.files)))
        image = reader.Execute()
        reply = httpx.get(
            f"{series.address}/datastore/image", params={"image": series.uid}
        ).raise_for_status()
        ours = nib.Nifti1Image.from_bytes(reply.content)
        np.testing.assert_allclose(
            np.asarray(ours.dataobj).transpose(2, 1, 0) / START_FACTOR,
            sitk.GetArrayFromImage(image),
            rtol=1e-4,
        )
        for ijk in [(0, 0, 0), (9, 7, 6)]:
            lps = image.TransformIndexToPhysicalPoint(ijk)
            np.testing.assert_allclose(
                (ours.affine @ [*ijk, 1])[:3], np.multiply(lps, (-1, -1, 1)), atol=1e-3
            )


def test_the_shipped_weights_find_a_hot_ball(tmp_path):
    shape, affine = (64, 60, 56), np.diag([-3.0, 3, 3, 1])
    centre = np.array([40, 25, 30])
    distance = np.linalg.norm(np.moveaxis(np.indices(shape), 0, -1) - centre, axis=-1) * 3
    ball = distance <= 12
    noise = np.random.default_rng(0).normal(0, 0.05, shape)
    suv = ndimage.gaussian_filter(1 + 9 * ball.astype(float), 1.0) + noise
    scan = write_scan(tmp_path / "files" / "ball.nii.gz", affine, suv.astype(np.float32))
    with server_on_a_port(tmp_path, load_model) as address:
        client = Client(address, tmpdir=str(tmp_path))
        image = client.upload_image(str(scan), "ball")["image"]
        wanted = {"foreground": [centre.tolist()], "result_extension": ".nrrd", "result_dtype": "uint8"}
        path, told = client.infer("seganypet", image, wanted)
    mask, on = loaded(Path(path))
    np.testing.assert_allclose(on, affine, atol=1e-5)
    assert 2 * (mask[ball] == 1).sum() / (mask.sum() + ball.sum()) > 0.7
    assert 0 <= told["expected_dice"] <= 1
