import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seganypet.errors import GeometryError, OutputError, PromptError
from seganypet.io.prompt_files import prompt_objects, prompts_of, read_prompts, write_prompts
from seganypet.prompts.click import Click
from seganypet.volume import Source, Volume

SHAPE = (6, 7, 8)
AFFINE = np.array([[0.0, -3.0, 0.0, 40.0], [2.0, 0.0, 0.0, -7.5], [0.0, 0.0, 5.0, 100.0], [0, 0, 0, 1]])


def make_volume(affine=AFFINE, shape=SHAPE):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 100
    return Volume(array, affine, source=Source(path="/data/Doe^Jane/pet.nii.gz"))


VOLUME = make_volume()


def own(prompts, **fields):
    return {
        "version": 1,
        "space": "voxel",
        "objects": [{"id": 1, "name": "lesion", "prompts": prompts}],
    } | fields


def point(xyz, label=1, **fields):
    return {"type": "point", "xyz": xyz, "label": label} | fields


@pytest.fixture
def save(tmp_path):
    def write(content):
        path = tmp_path / "clicks.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def coordinates(n):
    return st.one_of(st.integers(0, n - 1), st.floats(-0.5, n - 0.5))


CLICKS = st.lists(st.builds(Click, st.tuples(*map(coordinates, SHAPE)), st.booleans()), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(clicks=CLICKS)
def test_clicks_come_back_as_they_were(clicks, tmp_path):
    write_prompts(clicks, VOLUME, tmp_path / "c.json", object_name="Läsion")
    assert read_prompts(tmp_path / "c.json", VOLUME) == clicks
    assert read_prompts(tmp_path / "c.json", VOLUME, object_name="Läsion", object_id=1) == clicks


def test_written_file_is_the_documented_one(tmp_path):
    write_prompts([Click((1, 2, 3)), Click((0, 0, 0.5), positive=False)], VOLUME, tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text()) == {
        "version": 1,
        "image": "pet.nii.gz",
        "space": "voxel",
        "grid": {"shape": [6, 7, 8], "affine": AFFINE.tolist()},
        "objects": [
            {
                "id": 1,
                "name": "lesion",
                "prompts": [
                    {"type": "point", "xyz": [1.0, 2.0, 3.0], "label": 1, "t": 0},
                    {"type": "point", "xyz": [0.0, 0.0, 0.5], "label": 0, "t": 1},
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("space", "xyz"),
    # voxel (1, 2, 3): x = 40 - 3*2, y = -7.5 + 2*1, z = 100 + 5*3
    [("voxel", [1, 2, 3]), ("ras_mm", [34.0, -5.5, 115.0]), ("lps_mm", [-34.0, 5.5, 115.0])],
)
def test_three_spaces_name_the_same_voxel(space, xyz, save):
    (click,) = read_prompts(save(own([point(xyz)], space=space)), VOLUME)
    np.testing.assert_allclose(click.ijk, (1, 2, 3), atol=1e-9)
    assert click.positive


def test_prompts_follow_their_order_number_where_all_have_one(save):
    numbered = [point([2, 0, 0], t=5), point([1, 0, 0], t=1), point([3, 0, 0], t=5)]
    assert [c.ijk[0] for c in read_prompts(save(own(numbered)), VOLUME)] == [1, 2, 3]
    partly = [point([2, 0, 0], t=5), point([1, 0, 0])]
    assert [c.ijk[0] for c in read_prompts(save(own(partly)), VOLUME)] == [2, 1]


def test_object_is_chosen_by_name_or_id(save):
    content = own([])
    content["objects"] = [
        {"id": 1, "name": "liver", "prompts": [point([1, 1, 1])]},
        {"id": 2, "name": "spleen", "prompts": [point([2, 2, 2], 0)]},
    ]
    path = save(content)
    assert read_prompts(path, VOLUME, object_name="spleen") == [Click((2, 2, 2), positive=False)]
    assert read_prompts(path, VOLUME, object_id=1) == [Click((1, 1, 1))]
    with pytest.raises(PromptError, match=r"2 objects; expected one: .*'liver' \(id 1\), 'spleen' \(id 2\)"):
        read_prompts(path, VOLUME)
    with pytest.raises(PromptError, match="0 objects with name 'heart'; expected one"):
        read_prompts(path, VOLUME, object_name="heart")
    with pytest.raises(PromptError, match="0 objects with name 'liver' and id 2"):
        read_prompts(path, VOLUME, object_name="liver", object_id=2)


NATIVE = {"tumor": [[1, 1, 1], [2, 2, 2], [3, 3, 3]], "background": [[0, 1, 2], [0, 2, 1]]}
IN_TURN = [
    Click((1, 1, 1)),
    Click((0, 1, 2), positive=False),
    Click((2, 2, 2)),
    Click((0, 2, 1), positive=False),
    Click((3, 3, 3)),
]


def grand_challenge(named):
    points = [{"point": p, "name": name} for name, p in named]
    return {"version": {"major": 1, "minor": 0}, "type": "Multiple points", "points": points}


def test_autopet_tumour_and_background_alternate(save):
    assert read_prompts(save(NATIVE), VOLUME) == IN_TURN


def test_grand_challenge_tumour_and_background_alternate(save):
    named = [(name, p) for name, points in NATIVE.items() for p in points]
    assert read_prompts(save(grand_challenge(named)), VOLUME) == IN_TURN


@pytest.mark.parametrize(
    "content", [{"tumor": [], "background": []}, {"tumor": []}, grand_challenge([]), own([])]
)
def test_no_points_are_no_clicks(content, save):
    assert read_prompts(save(content), VOLUME) == []


def test_background_alone(save):
    assert read_prompts(save({"background": [[1, 2, 3]]}), VOLUME) == [Click((1, 2, 3), positive=False)]


def moved():
    affine = AFFINE.copy()
    affine[0, 3] += 1.0
    return make_volume(affine)


@pytest.mark.parametrize("other", [make_volume(shape=(6, 7, 9)), moved()])
def test_refuses_a_file_made_for_another_grid(other, tmp_path):
    write_prompts([Click((1, 2, 3))], VOLUME, tmp_path / "c.json")
    with pytest.raises(
        GeometryError, match=r"c\.json: made for a grid of shape \(6, 7, 8\).*image has shape"
    ):
        read_prompts(tmp_path / "c.json", other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (NATIVE | {"tumor": [[6, 0, 0]]}, r"tumor point 1 at voxel \(6, 0, 0\) lies outside .* \(6, 7, 8\)"),
        (grand_challenge([("background", [0, -1, 0])]), r"background point 1 at voxel \(0, -1, 0\) lies out"),
        (own([point([0, 0, 0]), point([0, 0, 7.51])]), r"prompt 2 at voxel \(0, 0, 7\.51\) lies outside"),
        (own([point([999, 0, 0])], space="ras_mm"), r"prompt 1, ras_mm \(999, 0, 0\), at voxel .* lies out"),
    ],
)
def test_refuses_points_outside_the_image(content, message, save):
    with pytest.raises(PromptError, match=r"clicks\.json: " + message):
        read_prompts(save(content), VOLUME)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no readable JSON"),
        ("{", "no readable JSON"),
        ("\udcff", "no readable JSON"),
        ("[" * 100_000, "no readable JSON"),
        ([1, 2], "holds a list, not an object"),
        ({}, r"unknown prompt format \(keys: nothing\); expected SegAnyPET"),
        ({"markups": []}, r"unknown prompt format \(keys: markups\)"),
        (NATIVE | {"liver": []}, "unknown prompt format"),
        ({"type": "Multiple lines"}, "unknown prompt format"),
        (own([], version=2), "version 2; expected 1"),
        (own([], version={"major": 1}), "expected 1"),
        (own([], space="mm"), "space 'mm'; expected one of voxel, ras_mm, lps_mm"),
        (own([], objects=[]), "0 objects; expected one: .* among none"),
        (own([], objects={"id": 1}), '"objects" is .* expected a list'),
        (own([], objects=[3]), '"objects" holds 3; expected objects'),
        (own({"type": "point"}), '"prompts" is .* expected a list'),
        (own([{"type": "mask", "path": "m.nii.gz"}]), "prompt 1 is of type 'mask'; only \"point\""),
        (own([{"type": "box", "xyz": [1, 2, 3]}]), "prompt 1 is of type 'box'"),
        (own([point([1, 2, 3], 2)]), "prompt 1 has label 2; expected 1"),
        (own([point([1, 2, 3], True)]), "prompt 1 has label True"),
        (own([point([1, 2])]), r"prompt 1 is at \[1, 2\]; expected three numbers"),
        (own([point(None)]), "prompt 1 is at None"),
        (own([point([1, 2, "3"])]), "prompt 1 holds '3'; expected a finite number"),
        (own([point([1, 2, float("nan")])]), "prompt 1 holds nan"),
        (own([point([1, 2, True])]), "prompt 1 holds True"),
        (own([point([1, 2, 3], t="first")]), "t holds 'first'"),
        (own([], grid={"shape": [6, 7, 8]}), "unreadable grid"),
        (own([], grid=[6, 7, 8]), "unreadable grid"),
        (own([], grid={"shape": [6, 7, 8], "affine": [1, 2, 3]}), "expected 4×4"),
        ({"tumor": [[1.5, 2, 3]]}, r"tumor point 1 is at \(1\.5, 2, 3\), no whole voxel index: are these mm"),
        ({"tumor": {"x": 1}}, '"tumor" is .* expected a list'),
        (grand_challenge([("lesion", [1, 2, 3])]), "point 1 is named 'lesion'; expected \"tumor\""),
        (grand_challenge([("tumor", None)]), "tumor point 1 is at None"),
    ],
)
def test_refuses_files_that_cannot_be_used(content, message, tmp_path):
    path = tmp_path / "clicks.json"
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PromptError, match=message) as caught:
        read_prompts(path, VOLUME)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_refuses_missing_file(tmp_path):
    with pytest.raises(PromptError, match=r"none\.json: no such prompt file"):
        read_prompts(tmp_path / "none.json", VOLUME)


def test_refuses_an_object_name_where_the_format_has_none(save):
    with pytest.raises(PromptError, match="holds one object; leave"):
        read_prompts(save(NATIVE), VOLUME, object_name="tumor")


def test_refuses_to_write_clicks_outside_the_image(tmp_path):
    with pytest.raises(PromptError, match=r"click 2 at voxel \(6, 0, 0\) lies outside"):
        write_prompts([Click((1, 2, 3)), Click((6, 0, 0))], VOLUME, tmp_path / "c.json")
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_write_onto_a_folder(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        write_prompts([], VOLUME, tmp_path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(objects=st.dictionaries(st.integers(1, 99), st.tuples(st.text(min_size=1), CLICKS), max_size=4))
def test_clicks_of_several_objects_come_back_by_id(objects, save):
    content = prompts_of(objects, VOLUME.source.path, VOLUME.shape, VOLUME.affine)
    path = save(content)
    assert prompt_objects(path) == [(name, number) for number, (name, _) in objects.items()]
    for number, (name, clicks) in objects.items():
        assert read_prompts(path, VOLUME, object_id=number, object_name=name) == clicks


def test_clicks_of_several_objects_do_not_name_the_folders_of_the_image():
    content = prompts_of({}, "/data/Doe^Jane/pet.nii.gz", VOLUME.shape, VOLUME.affine)
    assert content["image"] == "pet.nii.gz"
    assert "Doe" not in json.dumps(content)
