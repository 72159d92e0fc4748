"""What the MONAI Label interface refuses, and how: with the reason, as a problem, leaving nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import nibabel as nib
import numpy as np
import pytest

from seganypet.app.monai_label.images import reversed_last
from seganypet.app.server import described_app
from seganypet.errors import WeightsError
from seganypet.preprocessing.orientation import canonical_orientation
from small_server import (
    HOT,
    IN_HOT,
    LAS,
    SHAPE,
    in_block,
    oblique,
    ok,
    problem_of,
    serving,
    small_suv,
    write_scan,
)

TOKEN = "a token of the server"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INFER = "/infer/seganypet"


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A server that knows one scan, left-handed."""
    folder = tmp_path_factory.mktemp("monai")
    write_scan(folder / "served" / "pet.nii.gz", LAS)
    with serving(folder, raises=False, most_upload_bytes=2_000_000) as client:
        scan = ok(client.post("/api/scans", json={"path": "pet.nii.gz"}))
        yield SimpleNamespace(client=client, image=scan["id"], work=folder / "work")


def infer(
    served,
    *,
    image: str | None = None,
    model: str = "seganypet",
    files: Any = None,
    query: Any = None,
    **params: Any,
) -> httpx.Response:
    """Click, by default as it should be."""
    sent = {"params": (None, json.dumps({"foreground": [IN_HOT], **params})), **(files or {})}
    asked = {"image": served.image if image is None else image, **(query or {})}
    return served.client.post(f"/infer/{model}", params=asked, files=sent)


def nifti(array: np.ndarray, affine: np.ndarray = LAS) -> bytes:
    return gzip.compress(nib.Nifti1Image(array, affine).to_bytes(), 1)


def left_behind(served) -> list[str]:
    """Return what requests left in the work folder, the database apart."""
    return sorted(
        str(path.relative_to(served.work))
        for name in ("uploads", "labels", "sessions")
        for path in (served.work / name).rglob("*")
    )


def scans(served) -> list[str]:
    return [scan["id"] for scan in ok(served.client.get("/api/scans"))]


class TestInfer:
    def test_an_answer_is_a_form_of_two_parts_by_default(self, served):
        reply = infer(served, label="liver")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("multipart/form-data; boundary=")
        assert b'name="params"' in reply.content
        assert b'name="image"; filename="' in reply.content

    def test_json_is_the_params_alone(self, served):
        told = ok(infer(served, query={"output": "json"}, label="liver"))
        assert told["label"] == "liver"
        assert told["label_names"] == {"liver": 1}
        assert told["latencies"]["total"] >= 0

    def test_an_image_is_the_file_alone(self, served):
        reply = infer(served, query={"output": "image"}, result_extension=".nii")
        mask = nib.Nifti1Image.from_bytes(reply.content)
        np.testing.assert_array_equal(np.asarray(mask.dataobj), in_block(HOT))
        assert reply.headers["content-disposition"].endswith('.nii"')

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32"])
    @pytest.mark.parametrize("extension", [".nii", ".nrrd"])
    def test_voxels_have_the_wanted_type(self, served, dtype, extension):
        reply = infer(served, query={"output": "image"}, result_extension=extension, result_dtype=dtype)
        if extension == ".nii":
            assert nib.Nifti1Image.from_bytes(reply.content).get_data_dtype() == dtype
        else:
            assert b"type: " + {"float32": b"float"}.get(dtype, dtype.encode()) + b"\n" in reply.content

    def test_a_mask_is_corrected(self, served):
        label = ("start.nii.gz", nifti(in_block(HOT).astype(np.uint8)))
        reply = infer(
            served,
            query={"output": "image"},
            files={"label": label},
            foreground=[],
            background=[(7, 8, 9)],
            result_extension=".nii",
        )
        mask = np.asarray(nib.Nifti1Image.from_bytes(reply.content).dataobj)
        assert mask[IN_HOT]
        assert not mask[7, 8, 9]

    def test_params_may_come_without_files(self, served):
        reply = served.client.post(
            INFER,
            params={"image": served.image, "output": "json"},
            data={"params": json.dumps({"foreground": [IN_HOT]})},
        )
        assert ok(reply)["label"] == "lesion"

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ({"foreground": []}, "no foreground click"),
            ({"foreground": [], "background": [[1, 1, 1]]}, "no foreground click"),
            ({"foreground": [[20, 1, 1]]}, "foreground click at voxel (20.0, 1.0, 1.0) is outside"),
            ({"background": [[0, 0, -1]]}, "background click at voxel (0.0, 0.0, -1.0) is outside"),
            ({"foreground": [[1e308, 0, 0]]}, "outside"),
        ],
    )
    def test_clicks_that_make_no_mask(self, served, params, reason):
        assert reason in problem_of(infer(served, **params), 422)

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ({"foreground": [[1, 2]]}, "params.foreground.0"),
            ({"foreground": [[1, 2, 3, 4]]}, "params.foreground.0"),
            ({"foreground": [1, 2, 3]}, "params.foreground.0"),
            ({"foreground": "everywhere"}, "params.foreground"),
            ({"foreground": None}, "params.foreground"),
            ({"foreground": [[float("nan"), 0, 0]]}, "finite"),
            ({"foreground": [[float("inf"), 0, 0]]}, "finite"),
            ({"foreground": [[1, 2, 3]] * 501}, "at most 500"),
            ({"background": [[{}, 2, 3]]}, "params.background.0"),
            ({"label": 3}, "params.label"),
            ({"label": "x" * 201}, "params.label"),
            ({"result_extension": ".seg.nrrd"}, "params.result_extension"),
            ({"result_dtype": "float16"}, "params.result_dtype"),
        ],
    )
    def test_params_of_another_form(self, served, params, reason):
        assert reason in problem_of(infer(served, **params), 400)

    @pytest.mark.parametrize(
        ("params", "reason"),
        [
            ("{", "params is no JSON"),
            ("[" * 100_000, "params is no JSON"),
            ("1" * 5000, "params is no JSON"),
            ('{"label": "\\ud800"}', "params is no JSON"),
            ("[1]", "params is a list"),
            ("null", "params is a NoneType"),
            ("x" * ((1 << 20) + 1), "exceeded maximum size"),
        ],
    )
    def test_params_that_are_no_object(self, served, params, reason):
        reply = served.client.post(INFER, params={"image": served.image}, files={"params": (None, params)})
        assert reason in problem_of(reply, 400)

    def test_params_as_a_file(self, served):
        reply = served.client.post(
            INFER, params={"image": served.image}, files={"params": ("params.json", b"{}")}
        )
        assert "params is a file" in problem_of(reply, 400)

    def test_no_such_model(self, served):
        assert "there is seganypet" in problem_of(infer(served, model="deepedit"), 404)

    def test_no_image_at_all(self, served):
        assert "name one" in problem_of(infer(served, image=""), 400)

    @pytest.mark.parametrize(
        "image", ["0" * 16, "1.2.840.1", "pet.nii.gz", "../../etc/passwd", "\0", "-right-handed"]
    )
    def test_no_such_image(self, served, image):
        assert "no image" in problem_of(infer(served, image=image), 404)

    def test_an_image_name_that_is_too_long(self, served):
        assert "image" in problem_of(infer(served, image="x" * 201), 422)

    def test_no_such_session(self, served):
        for session_id in ("0" * 16, "../../work", "x"):
            reply = infer(served, query={"session_id": session_id})
            assert "no session" in problem_of(reply, 404)

    def test_no_dicom_seg(self, served):
        assert "DICOM SEG" in problem_of(infer(served, query={"output": "dicom_seg"}), 501)

    def test_no_such_output(self, served):
        assert "output" in problem_of(infer(served, query={"output": "picture"}), 422)

    @pytest.mark.parametrize(
        ("label", "status", "reason"),
        [
            (("l.nii.gz", b"nothing"), 422, "no NIfTI"),
            (("l.nrrd", b"NRRD0005\n"), 400, "labels are read from .nii.gz"),
            (("l.bin", b"\0" * 7), 400, "7 bytes"),
            (("l.nii.gz", nifti(np.zeros(SHAPE, np.uint8))), 422, "empty"),
            (("l.nii.gz", nifti(np.full(SHAPE, 2, np.uint8))), 422, "other than 0 and 1"),
            (("l.nii.gz", nifti(np.ones((4, 4, 4), np.uint8))), 422, "not on the image's grid"),
            (("l.nii.gz", nifti(np.ones(SHAPE, np.uint8), oblique())), 422, "not on the image's grid"),
        ],
    )
    def test_a_mask_that_clicks_cannot_correct(self, served, label, status, reason):
        assert reason in problem_of(infer(served, files={"label": label}), status)

    def test_an_image_that_cannot_be_read_leaves_nothing(self, served):
        before = left_behind(served)
        problem_of(infer(served, image="", files={"file": ("pet.nii.gz", b"nothing")}), 422)
        assert "images are read from" in problem_of(
            infer(served, image="", files={"file": ("a.mha", b"")}), 400
        )
        assert left_behind(served) == before

    def test_the_model_may_be_off(self, tmp_path):
        write_scan(tmp_path / "served" / "pet.nii.gz")
        with serving(tmp_path, assisted=False) as client:
            scan = ok(client.post("/api/scans", json={"path": "pet.nii.gz"}))
            assert ok(client.get("/info/"))["models"] == {}
            manual = SimpleNamespace(client=client, image=scan["id"])
            assert "--manual" in problem_of(infer(manual), 409)

    def test_weights_that_do_not_load(self, tmp_path):
        def missing():
            raise WeightsError("no such weights")

        write_scan(tmp_path / "served" / "pet.nii.gz")
        with serving(tmp_path, model=missing) as client:
            scan = ok(client.post("/api/scans", json={"path": "pet.nii.gz"}))
            other = SimpleNamespace(client=client, image=scan["id"])
            assert problem_of(infer(other), 422) == "no such weights"


class TestForms:
    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", b"--x\r\n"),
            ("multipart/form-data; boundary=x", b"no form at all"),
            (
                "multipart/form-data; boundary=x",
                b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
            ),
            ("multipart/form-data; boundary=" + "x" * 5000, b"--x\r\n"),
        ],
    )
    def test_a_form_that_cannot_be_read(self, served, content_type, body):
        reply = served.client.put("/session/", content=body, headers={"Content-Type": content_type})
        problem_of(reply, 400)

    def test_no_form(self, served):
        for where in ("/session/", "/datastore/", f"/datastore/label?image={served.image}"):
            assert "no file called" in problem_of(served.client.put(where), 400)
            assert "no file called" in problem_of(served.client.put(where, json={}), 400)

    def test_a_field_in_place_of_a_file(self, served):
        reply = served.client.put("/datastore/", data={"file": "pet.nii.gz"})
        assert "file is a field" in problem_of(reply, 400)

    def test_two_files_where_there_can_be_one(self, served):
        files = [("file", ("a.nii.gz", b"1")), ("file", ("b.nii.gz", b"2"))]
        assert "2 files called file" in problem_of(served.client.put("/datastore/", files=files), 400)

    def test_more_than_the_limit_with_its_length(self, served):
        reply = served.client.put("/session/", files={"files": ("pet.nii.gz", bytes(3_000_000))})
        assert "at most 2000000" in problem_of(reply, 413)

    def test_more_than_the_limit_without_a_length(self, served):
        before = left_behind(served)

        def body() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="pet.nii.gz"\r\n\r\n'
            for _ in range(30):
                yield bytes(100_000)
            yield b"\r\n--x--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert "--max-upload-mb" in problem_of(
            served.client.put("/session/", content=body(), headers=headers), 413
        )
        assert left_behind(served) == before

    def test_large_forms_go_to_these_addresses_alone(self, tmp_path):
        with serving(tmp_path) as client:
            length = {"Content-Length": str(65 << 20)}
            for where in ("/session/", "/datastore/", "/datastore/image", "/datastore/label?image=x"):
                assert client.put(where, headers=length).status_code != 413
            assert client.post("/infer/seganypet", headers=length).status_code != 413
            for where in ("/train/", "/auth/token", "/activelearning/first"):
                problem_of(client.post(where, headers=length), 413)


class TestImages:
    def send(self, served, name: str, content: bytes, **query: str) -> httpx.Response:
        return served.client.put("/datastore/", params=query, files={"file": (name, content)})

    def test_what_is_sent_is_a_scan_of_ours(self, served):
        image = ok(self.send(served, "C:\\scans\\a.nii.gz", nifti(small_suv()), image="sent"))["image"]
        assert image in scans(served)
        assert (
            ok(served.client.get("/datastore/image/info", params={"image": "sent"}))["name"]
            == f"sent-{image}.nii"
        )

    def test_without_a_name_it_has_the_files(self, served):
        image = ok(self.send(served, "C:\\scans\\of a.nii.gz", nifti(small_suv())))["image"]
        for name in (image, "of a.nii.gz"):
            told = ok(served.client.get("/datastore/image/info", params={"image": name}))
            assert told["name"] == f"of_a-{image}.nii"

    def test_what_is_sent_later_under_a_name_takes_it_over(self, served):
        first = ok(self.send(served, "a.nii.gz", nifti(small_suv()), image="again"))["image"]
        second = ok(self.send(served, "a.nii.gz", nifti(small_suv() * 2), image="again"))["image"]
        told = served.client.get("/datastore/image/info", params={"image": "again"})
        assert ok(told)["name"] == f"again-{second}.nii"
        assert first in scans(served)

    @pytest.mark.parametrize(
        ("name", "content", "status", "reason"),
        [
            ("pet.nii.gz", b"nothing", 422, "no NIfTI"),
            ("pet.nii.gz", b"", 422, "no NIfTI"),
            ("pet", b"nothing", 422, "no DICOM images"),
            ("pet.nrrd", b"NRRD0005\n", 400, "choose .nii.gz"),
            ("PET.SEG.NRRD", b"NRRD0005\n", 400, "choose .nii.gz"),
            ("pet.zip", b"PK", 400, "choose .nii.gz"),
            ("pet.nii.gz", nifti(np.ones(SHAPE, np.float32)), 422, "every voxel is 1"),
            ("pet.nii.gz", nifti(small_suv() * 5000), 422, "Bq/ml"),
            ("pet.nii.gz", nifti(np.zeros((3, 3), np.float32)), 422, "dimensions"),
        ],
    )
    def test_what_is_no_image_leaves_nothing(self, served, name, content, status, reason):
        before, known = left_behind(served), scans(served)
        assert reason in problem_of(self.send(served, name, content), status)
        files = {"files": (name, content)}
        assert reason in problem_of(served.client.put("/session/", files=files), status)
        assert left_behind(served) == before
        assert scans(served) == known

    def test_an_image_is_handed_out_in_its_own_order(self, served):
        reply = served.client.get("/datastore/image", params={"image": served.image})
        image = nib.Nifti1Image.from_bytes(reply.content)
        np.testing.assert_array_equal(np.asarray(image.dataobj), small_suv())
        np.testing.assert_allclose(image.affine, LAS)

    def test_a_left_handed_one_has_another_id_with_its_last_axis_reversed(self, served):
        reply = served.client.get("/datastore/image", params={"image": f"{served.image}-right-handed"})
        image = nib.Nifti1Image.from_bytes(reply.content)
        np.testing.assert_array_equal(np.asarray(image.dataobj), small_suv()[:, :, ::-1])
        np.testing.assert_allclose(image.affine @ [5, 6, SHAPE[2] - 1 - 7, 1], LAS @ [5, 6, 7, 1])

    def test_heads_tell_whether_there_is_an_image(self, served):
        where = {"image": served.image}
        content = served.client.get("/datastore/image", params=where).content
        digest = hashlib.sha256(content).hexdigest()
        assert served.client.head("/datastore/image", params=where).status_code == 200
        for check_sum in (digest, f"SHA256:{digest}"):
            found = served.client.head("/datastore/image", params={**where, "check_sum": check_sum})
            assert found.status_code == 200
        assert served.client.head("/datastore/image", params={**where, "check_sum": "0"}).status_code == 404
        assert served.client.head("/datastore/image", params={"image": "none"}).status_code == 404

    @pytest.mark.parametrize("where", ["/datastore/image", "/datastore/image/info"])
    def test_no_such_image(self, served, where):
        problem_of(served.client.get(where, params={"image": "none"}), 404)
        problem_of(served.client.get(where), 422)

    def test_reversing_twice_is_nothing(self):
        for affine in (LAS, oblique()):
            once = reversed_last(canonical_orientation(affine, SHAPE))
            np.testing.assert_allclose(reversed_last(once).native_affine, affine)
            np.testing.assert_allclose(once.affine, canonical_orientation(affine, SHAPE).affine)


class TestLabels:
    def store(self, served, label: tuple[str, bytes], **query: str) -> httpx.Response:
        return served.client.put(
            "/datastore/label",
            params={"image": served.image, **query},
            files={"label": label, "params": (None, "{}")},
        )

    def test_a_label_goes_as_it_came(self, served):
        label_map = in_block(HOT).astype(np.uint16) * 300
        query = {"image": served.image, "tag": "mine"}
        assert served.client.head("/datastore/label", params=query).status_code == 404
        assert ok(self.store(served, ("l.nii", nib.Nifti1Image(label_map, LAS).to_bytes()), tag="mine"))
        assert served.client.head("/datastore/label", params=query).status_code == 200
        named = {"label": served.image, "tag": "mine"}
        reply = served.client.get("/datastore/label", params=named)
        assert f'filename="{served.image}.nii.gz"' in reply.headers["content-disposition"]
        stored = nib.Nifti1Image.from_bytes(gzip.decompress(reply.content))
        np.testing.assert_array_equal(np.asarray(stored.dataobj), label_map)
        assert (
            ok(served.client.get("/datastore/label/info", params=named))["name"] == f"{served.image}.nii.gz"
        )
        assert ok(served.client.delete("/datastore/label", params={"id": served.image, "tag": "mine"})) == {}
        problem_of(served.client.get("/datastore/label", params=named), 404)
        problem_of(served.client.get("/datastore/label/info", params=named), 404)
        problem_of(served.client.delete("/datastore/label", params={"id": served.image, "tag": "mine"}), 404)
        assert not [path for path in left_behind(served) if "mine" in path]

    def test_a_label_with_its_last_axis_reversed_lies_where_it_did(self, served):
        label_map = in_block(HOT).astype(np.uint8)
        affine = reversed_last(canonical_orientation(LAS, SHAPE)).native_affine
        ok(self.store(served, ("l.nii.gz", nifti(label_map[:, :, ::-1].copy(), affine)), tag="reversed"))
        reply = served.client.get("/datastore/label", params={"label": served.image, "tag": "reversed"})
        stored = nib.Nifti1Image.from_bytes(gzip.decompress(reply.content))
        np.testing.assert_array_equal(np.asarray(stored.dataobj), label_map)

    @pytest.mark.parametrize("kind", [np.uint8, np.dtype("<u2")])
    def test_voxels_alone_are_those_of_the_images_order(self, served, kind):
        voxels = in_block(HOT).astype(kind).tobytes(order="F")
        ok(self.store(served, ("label.bin", voxels), tag="ohif"))
        reply = served.client.get("/datastore/label", params={"label": served.image, "tag": "ohif"})
        stored = nib.Nifti1Image.from_bytes(gzip.decompress(reply.content))
        np.testing.assert_array_equal(np.asarray(stored.dataobj), in_block(HOT))

    @pytest.mark.parametrize(
        ("label", "status", "reason"),
        [
            (("l.nii.gz", b"nothing"), 422, "no NIfTI"),
            (("l.nii.gz", nifti(np.full(SHAPE, 0.5, np.float32))), 422, "no whole number"),
            (("l.nii.gz", nifti(np.full(SHAPE, -1, np.int16))), 422, "ids are whole numbers"),
            (("l.nii.gz", nifti(np.ones((3, 4, 5), np.uint8))), 422, "not on the image's grid"),
            (("l.nii.gz", nifti(np.ones(SHAPE, np.uint8), oblique())), 422, "not on the image's grid"),
            (("l.seg.nrrd", b"NRRD"), 400, "labels are read from"),
            (("label.bin", b"123"), 400, "3 bytes"),
        ],
    )
    def test_what_is_no_label_leaves_nothing(self, served, label, status, reason):
        before = left_behind(served)
        assert reason in problem_of(self.store(served, label, tag="bad"), status)
        assert left_behind(served) == before

    @pytest.mark.parametrize("tag", ["../final", "a b", "x" * 65, "final.nii", "ü"])
    def test_a_tag_that_is_no_file_name(self, served, tag):
        assert "tag" in problem_of(
            self.store(served, ("l.nii.gz", nifti(np.ones(SHAPE, np.uint8))), tag=tag), 422
        )

    def test_what_is_said_of_it_must_be_json(self, served):
        label = ("l.nii.gz", nifti(np.ones(SHAPE, np.uint8)))
        for said, status in [("[]", 400), ("{", 400), ('{"a": NaN}', 422)]:
            reply = served.client.put(
                "/datastore/label",
                params={"image": served.image, "tag": "said"},
                files={"label": label, "params": (None, said)},
            )
            problem_of(reply, status)
        assert not [path for path in left_behind(served) if "said" in path]

    def test_a_label_of_no_image(self, served):
        label = ("l.nii.gz", nifti(np.ones(SHAPE, np.uint8)))
        problem_of(self.store(served, label, image="none"), 404)

    def test_training_data_are_the_images_with_a_final_label(self, served):
        assert ok(served.client.get("/datastore/?output=train")) == []
        ok(self.store(served, ("l.nii.gz", nifti(np.ones(SHAPE, np.uint8)))))
        (pair,) = ok(served.client.get("/datastore/?output=train"))
        for address in pair.values():
            assert served.client.get(address).status_code == 200
        counts = ok(served.client.get("/datastore/"))
        assert counts["completed"] == counts["label_tags"]["final"] == 1
        ok(served.client.delete("/datastore/label", params={"id": served.image}))
        problem_of(served.client.get("/datastore/?output=nothing"), 422)


class TestSessions:
    def test_what_somebody_labelled_stays(self, served):
        files = {"files": ("pet.nii.gz", nifti(small_suv()))}
        session = ok(served.client.put("/session/", files=files))
        scan_id = session["session_info"]["image"]
        label = {"label": ("l.nii.gz", nifti(np.ones(SHAPE, np.uint8)))}
        ok(served.client.put("/datastore/label", params={"image": scan_id, "tag": "kept"}, files=label))
        ok(served.client.delete(f"/session/{session['session_id']}"))
        assert scan_id in scans(served)

    def test_what_somebody_reads_stays(self, served):
        files = {"files": ("pet.nii.gz", nifti(small_suv()))}
        session = ok(served.client.put("/session/", files=files))
        scan_id = session["session_info"]["image"]
        ok(served.client.post(f"/api/scans/{scan_id}/readings", json={"reader": "Ada"}))
        ok(served.client.delete(f"/session/{session['session_id']}"))
        assert scan_id in scans(served)

    def test_its_image_can_be_fetched(self, served):
        files = {"files": ("pet.nii.gz", nifti(small_suv()))}
        session = ok(served.client.put("/session/", files=files))
        reply = served.client.get(f"/session/{session['session_id']}", params={"image": True})
        np.testing.assert_array_equal(
            np.asarray(nib.Nifti1Image.from_bytes(reply.content).dataobj), small_suv()
        )

    @pytest.mark.parametrize("session_id", ["0" * 16, "x", "%00"])
    def test_no_such_session(self, served, session_id):
        problem_of(served.client.get(f"/session/{session_id}"), 404)
        problem_of(served.client.delete(f"/session/{session_id}"), 404)

    def test_a_damaged_one_says_so(self, served):
        session = ok(served.client.put("/session/", files={"files": ("pet.nii.gz", nifti(small_suv()))}))
        path = served.work / "sessions" / f"{session['session_id']}.json"
        path.write_text("{}")
        assert "cannot be read" in problem_of(served.client.get(f"/session/{session['session_id']}"), 507)
        path.unlink()

    def test_archives_are_not_unpacked(self, served):
        files = {"files": ("pet.zip", b"PK")}
        assert "archives" in problem_of(served.client.put("/session/?uncompress=true", files=files), 501)


class TestOtherAddresses:
    def test_what_is_not_offered(self, served):
        for where in ("/train/", "/train/seganypet", "/batch/infer/seganypet"):
            problem_of(served.client.post(where, json={}), 501)
        for where in ("/train/", "/train/seganypet", "/train/?check_if_running=true"):
            assert "no training runs" in problem_of(served.client.get(where), 404)
        problem_of(served.client.delete("/train/"), 404)

    def test_no_such_strategy(self, served):
        assert "first, random" in problem_of(served.client.post("/activelearning/entropy"), 404)

    def test_an_image_that_is_gone_is_passed_over(self, tmp_path):
        gone, there = (write_scan(tmp_path / "served" / name) for name in ("gone.nii.gz", "there.nii.gz"))
        with serving(tmp_path, most_scans=1) as client:
            ok(client.post("/api/scans", json={"path": gone.name}))
            second = ok(client.post("/api/scans", json={"path": there.name}))["id"]
            gone.unlink()
            assert ok(client.post("/activelearning/first", json={}))["id"] == second

    def test_logs_are_plain_text(self, served):
        reply = served.client.get("/logs/", params={"lines": 300, "html": True})
        assert reply.headers["content-type"].startswith("text/plain")
        assert "half of click" in reply.text

    def test_no_token_is_needed_where_there_is_none(self, served):
        assert ok(served.client.get("/auth/"))["enabled"] is False
        assert ok(served.client.post("/auth/token", data={"password": "any"}))["access_token"] is None

    def test_the_token_opens_everything_but_the_door(self, tmp_path):
        with serving(tmp_path, token=TOKEN) as client:
            assert ok(client.get("/auth/"))["enabled"] is True
            for where in (
                "/info/",
                "/datastore/",
                "/logs/",
                "/auth/token/valid",
                "/session/0000000000000000",
            ):
                problem_of(client.get(where), 401)
            for data in ({}, {"password": ""}, {"password": TOKEN[:-1]}, {"password": "ü"}):
                assert TOKEN not in problem_of(client.post("/auth/token", data=data), 401)
            token = ok(client.post("/auth/token", data={"username": "any", "password": TOKEN}))
            headers = {"Authorization": f"{token['token_type']} {token['access_token']}"}
            assert ok(client.get("/info/", headers=headers))["name"] == "SegAnyPET"
            assert ok(client.get("/auth/token/valid", headers=headers))

    def test_who_has_no_token_yet_can_send_little(self, tmp_path):
        with serving(tmp_path, token=TOKEN) as client:
            sent = {"file": ("large", bytes(2 << 20))}
            problem_of(client.post("/auth/token", files=sent), 413)
            problem_of(client.post("/auth/token", content=b"password=" + bytes(2 << 20), headers=FORM), 413)

    def test_the_pages_description_does_not_know_them(self):
        described = described_app().openapi()
        assert not {"/info/", "/infer/{model}", "/datastore/"} & described["paths"].keys()
