"""Study logs are read as they were written, and refused where they are damaged."""

import json
from dataclasses import replace

import numpy as np
import pytest

from seganypet.errors import StoreError
from seganypet.io import write_json
from seganypet.io.packed_bits import packed_bits, unpacked_bits
from seganypet.io.study_log import StudyObject, read_study_log, study_log
from study_readings import SHAPE, block, entries, reading


@pytest.fixture
def log(tmp_path):
    odd = StudyObject(
        id=2, name="Läsion | 2", start=(1, 2, 3), inside=np.indices((3, 5, 2)).sum(axis=0) % 3 == 0
    )
    found = reading(
        [("open", 0), ("add", 1.5, 1), ("click", 2.25, 1), ("undo", 3, 1)],
        [block(1, (2, 2, 2)), odd, StudyObject(id=3, name="empty")],
        assisted=True,
    )
    clicked = replace(
        entries(("click", 4, 1))[0], details={"ijk": [1.0, 2.0, 3.5], "positive": True}, in_effect=False
    )
    found = replace(found, timeline=(*found.timeline, clicked))
    path = tmp_path / "log.json"
    write_json(study_log([found, reading([("open", 0)], reader="Ben")]), path)
    return path, found


def test_a_log_is_read_as_it_was_written(log):
    path, written = log
    read, other = read_study_log(path)
    assert (other.reader, other.objects) == ("Ben", ())
    assert read.timeline == written.timeline
    for name in ("id", "scan_id", "scan_name", "reader", "assisted", "begun_at_s", "shape"):
        assert getattr(read, name) == getattr(written, name)
    for a, b in zip(read.objects, written.objects, strict=True):
        assert (a.id, a.name, a.start) == (b.id, b.name, b.start)
        np.testing.assert_array_equal(a.inside, b.inside)


def test_the_format_is_this(log):
    content = json.loads(log[0].read_text())
    assert content["format"] == "seganypet-study-log"
    assert content["version"] == 1
    first = content["readings"][0]
    assert first["scan"] == {"id": "id of pet.nii", "name": "pet.nii"}
    assert first["shape"] == list(SHAPE)
    assert first["objects"][2]["mask"] is None
    assert first["timeline"][0] == {
        "kind": "open", "at": 1_700_000_000.0, "object_id": None, "name": "", "seconds": 0.25, "in_effect": None,
        "details": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.update(format="other"), "is no study log; give what"),
        (lambda c: c.update(version=2), "study log of version 2, this SegAnyPET reads 1; update it"),
        (lambda c: c.pop("readings"), 'holds no list "readings"'),
        (lambda c: c["readings"][0].pop("reader"), r"reading 1 cannot be read \(KeyError: 'reader'\)"),
        (lambda c: c["readings"][0].update(assisted=1), "assisted is 1, neither true nor false"),
        (lambda c: c["readings"][0].update(shape=[4, 4]), "reading 1 cannot be read"),
        (lambda c: c["readings"][1].update(timeline=[3]), "reading 2 cannot be read"),
        (lambda c: c["readings"][0]["timeline"][1].update(at="noon"), "reading 1 cannot be read"),
        (lambda c: c["readings"][0]["timeline"][1].update(at=float("inf")), "inf is no time"),
        (lambda c: c["readings"][0]["objects"][0]["mask"].update(start=[18, 0, 0]), "mask of 'lesion' from"),
        (lambda c: c["readings"][0]["objects"][0]["mask"].update(shape=[4, 4, 5]), "cannot be unpacked"),
        (lambda c: c["readings"][0]["objects"][0]["mask"].update(bits="AAAA"), "cannot be unpacked"),
        (lambda c: c["readings"][0]["objects"][0]["mask"].update(bits="?"), "reading 1 cannot be read"),
    ],
)
def test_a_damaged_log_is_refused(change, text, log):
    path, _ = log
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=text) as caught:
        read_study_log(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_is_no_json_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no such study log; check the path"):
        read_study_log(tmp_path / "none.json")
    (tmp_path / "bad.json").write_bytes(b"\x00\x01")
    with pytest.raises(StoreError, match="is no readable JSON"):
        read_study_log(tmp_path / "bad.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(StoreError, match="is no study log"):
        read_study_log(tmp_path / "list.json")


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 7), (8, 1, 2)])
def test_bits_are_unpacked_as_they_were_packed(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    np.testing.assert_array_equal(unpacked_bits(packed_bits(mask), shape), mask)


def test_the_first_voxel_is_the_highest_bit_and_the_last_axis_fastest():
    mask = np.zeros((1, 2, 4), bool)
    mask[0, 0, 0] = mask[0, 1, 3] = True
    import zlib

    assert zlib.decompress(packed_bits(mask)) == bytes([0b10000001])
