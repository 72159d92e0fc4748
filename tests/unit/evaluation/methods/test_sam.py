"""SAM and MedSAM slice by slice: bookkeeping with a network that can be foretold, and a small random SAM."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from scipy import ndimage

from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.sam import ENTRIES, SliceMethod
from seganypet.evaluation.methods.sam_network import (
    MEDSAM,
    SAM,
    Embedding,
    Found,
    SamNetwork,
    load_sam,
)
from seganypet.prompts import Click
from seganypet.volume import Volume

transformers = pytest.importorskip("transformers")

SIDE = 64


@pytest.fixture(scope="module", autouse=True)
def importable():
    """Hides a torchvision that was built for another torch: SAM needs none, and transformers would stumble over it."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        sys.modules["torchvision"] = None
        transformers.utils.import_utils.is_torchvision_available.cache_clear()
        from transformers import SamModel  # noqa: F401

        del sys.modules["torchvision"]


class BrightBlob:
    """Answers with the bright pixels that hang together with a positive point; counts what it is asked."""

    def __init__(self):
        self.encoded, self.asked = 0, []

    def encode(self, picture, pixel_mm):
        self.encoded += 1
        return Embedding(torch.from_numpy(picture.copy()), picture.shape, picture.shape)

    def decode(self, embedding, points, before):
        self.asked.append((list(points), before))
        blobs, _ = ndimage.label(embedding.features.numpy() > 128)
        at = [(round(row), round(column)) for row, column, positive in points if positive]
        mask = np.isin(blobs, [blobs[p] for p in at if blobs[p]])
        return Found(mask, torch.zeros(1))


def volume_of(array, affine) -> Volume:
    return Volume(np.ascontiguousarray(array), affine)


def two_blobs():
    """Two hot blobs in slices 3 to 5 of a RAS array."""
    suv = np.random.default_rng(0).uniform(0.1, 0.5, (12, 14, 9)).astype(np.float32)
    suv[2:5, 3:6, 3:6] = 9
    suv[8:11, 9:12, 3:6] = 9
    return suv


AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])


class TestSlices:
    def method(self, kept=256):
        network = BrightBlob()
        method = SliceMethod(network, kept=kept)
        method.start(Scan(case="a", volume=volume_of(two_blobs(), AFFINE)))
        return method, network

    def test_a_click_changes_its_slice_alone(self):
        method, _ = self.method()
        mask = method.click(Click((3, 4, 4)))
        expected = np.zeros((12, 14, 9), bool)
        expected[2:5, 3:6, 4] = True
        np.testing.assert_array_equal(mask, expected)
        mask = method.click(Click((3, 4, 5)))
        expected[2:5, 3:6, 5] = True
        np.testing.assert_array_equal(mask, expected)

    def test_all_clicks_of_a_slice_prompt_it_with_its_last_answer(self):
        method, network = self.method()
        method.click(Click((3, 4, 4)))
        method.click(Click((3, 4, 5)))
        method.click(Click((9, 10, 4)))
        mask = method.click(Click((0, 0, 4), positive=False))
        points, before = network.asked[-1]
        # columns run from RAS i = 11 down, rows from j = 13 down
        assert points == [(9, 8, True), (3, 2, True), (13, 11, False)]
        assert before.mask.sum() == 18
        assert network.asked[0][1] is None
        assert mask[2:5, 3:6, 4].all()
        assert mask[8:11, 9:12, 4].all()
        assert not mask[8:11, 9:12, 5].any()

    def test_restart_forgets_clicks_and_keeps_embeddings(self):
        method, network = self.method()
        first = method.click(Click((3, 4, 4)))
        assert not method.restart("spleen").any()
        again = method.click(Click((3, 4, 4)))
        np.testing.assert_array_equal(first, again)
        assert network.encoded == 1
        assert network.asked[-1][1] is None

    def test_a_new_scan_is_encoded_anew(self):
        method, network = self.method()
        method.click(Click((3, 4, 4)))
        method.start(Scan(case="b", volume=volume_of(two_blobs(), AFFINE)))
        assert not method.restart("liver").any()
        method.click(Click((3, 4, 4)))
        assert network.encoded == 2

    def test_only_the_last_embeddings_are_kept(self):
        method, network = self.method(kept=2)
        for number in (3, 4, 3, 5, 3, 4):  # 4 was dropped for 5, as 3 had been used later
            method.click(Click((3, 4, number)))
        assert network.encoded == 4

    def test_masks_given_before_do_not_change(self):
        method, _ = self.method()
        empty = method.restart("liver")
        first = method.click(Click((3, 4, 4)))
        method.click(Click((3, 4, 5)))
        assert not empty.any()
        assert first.sum() == 9

    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
    @pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
    def test_the_mask_lands_on_the_blob_whatever_the_orientation(self, order, flip):
        suv = two_blobs()
        array = suv.transpose(order)[tuple(slice(None, None, f) for f in flip)]
        turn = np.deg2rad(12)  # and oblique
        oblique = np.eye(4)
        oblique[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        to_ras = np.zeros((4, 4))
        for new, (old, f) in enumerate(zip(order, flip, strict=True)):
            to_ras[old, new], to_ras[old, 3] = f, 0 if f > 0 else suv.shape[old] - 1
        to_ras[3, 3] = 1
        volume = volume_of(array, oblique @ AFFINE @ to_ras)
        method = SliceMethod(BrightBlob())
        method.start(Scan(case="a", volume=volume))
        for number in (3, 4, 5):
            ijk = np.linalg.inv(to_ras) @ [9, 10, number, 1]
            mask = method.click(Click(tuple(ijk[:3])))
        expected = np.zeros(suv.shape, bool)
        expected[8:11, 9:12, 3:6] = True
        turned = expected.transpose(order)[tuple(slice(None, None, f) for f in flip)]
        np.testing.assert_array_equal(mask, turned)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a small random SAM."""
    torch.manual_seed(0)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 16,
            "output_channels": 16,
            "window_size": 2,
            "global_attn_indexes": [1],
            "num_pos_feats": 8,
            "initializer_range": 0.05,
        },
        prompt_encoder_config={
            "hidden_size": 16,
            "image_size": SIDE,
            "patch_size": 16,
            "mask_input_channels": 4,
        },
        mask_decoder_config={"hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2},
    )
    folder = tmp_path_factory.mktemp("sam")
    transformers.SamModel(config).save_pretrained(folder)
    return folder


class Recorded:
    """Stands for a SamModel; answers with given logits and scores, and keeps what it was given."""

    def __init__(self, logits, scores=(0.1, 0.9, 0.2)):
        self.config = transformers.SamConfig(vision_config={"image_size": SIDE})
        self.logits, self.scores, self.given = logits, scores, []

    def to(self, device):
        return self

    def eval(self):
        return self

    def get_image_embeddings(self, pixels):
        self.pixels = pixels
        return torch.zeros(1, 1, 1, 1)

    def __call__(self, **given):
        self.given.append(given)
        n = 3 if given["multimask_output"] else 1
        answer = type("Answer", (), {})()
        answer.iou_scores = torch.tensor([[self.scores[:n]]])
        answer.pred_masks = torch.stack([self.logits * (i + 1) for i in range(n)])[None, None]
        return answer


class TestNetwork:
    @pytest.mark.parametrize("name", ["sam", "medsam"])
    def test_a_scan_through_a_random_sam(self, tiny, name):
        method = ENTRIES[name].build(str(tiny), Options(device="cpu"))
        assert method.prompting == "slice_clicks"
        volume = volume_of(two_blobs(), AFFINE)
        method.start(Scan(case="a", volume=volume))
        assert not method.restart("liver").any()
        for click in (Click((3, 4, 4)), Click((9, 10, 4)), Click((0, 0, 4), positive=False)):
            mask = method.click(click)
        assert mask.shape == volume.shape
        assert mask.dtype == np.bool_
        assert not mask[..., [0, 1, 2, 3, 5, 6, 7, 8]].any()

    def test_points_move_the_answer_and_the_same_points_do_not(self, tiny):
        network = load_sam(tiny, SAM, "cpu")
        picture = np.random.default_rng(1).integers(0, 256, (20, 30)).astype(np.uint8)
        embedding = network.encode(picture, (1, 1))
        here = network.decode(embedding, [(5, 5, True)], None)
        there = network.decode(embedding, [(15, 25, True)], None)
        again = network.decode(embedding, [(5, 5, True)], None)
        assert here.mask.shape == (20, 30)
        assert not torch.equal(here.logits, there.logits)
        torch.testing.assert_close(here.logits, again.logits, rtol=0, atol=0)
        after = network.decode(embedding, [(5, 5, True), (15, 25, True)], here)
        alone = network.decode(embedding, [(5, 5, True), (15, 25, True)], None)
        assert not torch.equal(after.logits, alone.logits)

    def test_sam_keeps_mm_and_pads(self):
        model = Recorded(torch.zeros(16, 16))
        picture = np.full((40, 20), 255, np.uint8)
        # 40 rows of 2 mm and 20 columns of 3 mm: 80 by 60 mm fill 64 by 48
        assert SamNetwork(model, SAM, torch.device("cpu")).encode(picture, (2, 3)).inner == (64, 48)
        assert model.pixels.shape == (1, 3, 64, 64)
        assert model.pixels[0, :, 10, 10].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)
        assert not model.pixels[..., 48:].any()

    def test_medsam_stretches_to_a_square_from_0_to_1(self):
        model = Recorded(torch.zeros(16, 16))
        picture = np.full((40, 20), 30, np.uint8)
        picture[:20] = 90
        assert SamNetwork(model, MEDSAM, torch.device("cpu")).encode(picture, (2, 3)).inner == (64, 64)
        assert model.pixels[0, 0, 4].tolist() == pytest.approx([1] * 64, abs=0.1)
        assert (float(model.pixels.min()), float(model.pixels.max())) == (0, 1)

    def test_points_are_x_and_y_of_the_networks_pixels(self):
        model = Recorded(torch.zeros(16, 16))
        network = SamNetwork(model, SAM, torch.device("cpu"))
        embedding = network.encode(np.zeros((40, 20), np.uint8), (2, 3))
        network.decode(embedding, [(0, 19, True), (39, 0, False)], None)
        # a pixel is 1.6 high and 2.4 wide; its centre half of that less the half that SAM adds
        expected = [[19.5 * 2.4 - 0.5, 0.3], [39.5 * 1.6 - 0.5, 0.7]]
        np.testing.assert_allclose(
            model.given[0]["input_points"][0, 0], [expected[0], expected[1][::-1]], atol=1e-5
        )
        assert model.given[0]["input_labels"].tolist() == [[[1, 0]]]

    def test_of_several_masks_the_most_trusted_of_one_point_is_taken(self):
        model = Recorded(torch.ones(16, 16))
        network = SamNetwork(model, SAM, torch.device("cpu"))
        embedding = network.encode(np.zeros((8, 8), np.uint8), (1, 1))
        first = network.decode(embedding, [(1, 1, True)], None)
        assert first.logits.unique().tolist() == [2]  # the second of three
        second = network.decode(embedding, [(1, 1, True), (2, 2, True)], first)
        assert second.logits.unique().tolist() == [1]
        assert [g["multimask_output"] for g in model.given] == [True, False]
        assert model.given[0]["input_masks"] is None
        assert model.given[1]["input_masks"] is not None

    def test_medsam_gives_one_mask_and_is_not_shown_its_last(self):
        model = Recorded(torch.ones(16, 16))
        network = SamNetwork(model, MEDSAM, torch.device("cpu"))
        embedding = network.encode(np.zeros((8, 8), np.uint8), (1, 1))
        first = network.decode(embedding, [(1, 1, True)], None)
        network.decode(embedding, [(1, 1, True), (2, 2, True)], first)
        assert [g["multimask_output"] for g in model.given] == [False, False]
        assert [g["input_masks"] for g in model.given] == [None, None]

    def test_the_mask_comes_back_without_the_padding(self):
        logits = torch.full((16, 16), -1.0)
        logits[:, :6] = 1  # of 64 columns the first 24, of which 48 are the picture's
        model = Recorded(logits)
        network = SamNetwork(model, SAM, torch.device("cpu"))
        embedding = network.encode(np.zeros((40, 20), np.uint8), (2, 3))
        mask = network.decode(embedding, [(1, 1, True)], None).mask
        expected = np.zeros((40, 20), bool)
        expected[:, :10] = True
        np.testing.assert_array_equal(mask, expected)


class TestRefusals:
    def refused(self, folder, match):
        with pytest.raises(MethodError, match=match):
            load_sam(folder, SAM, "cpu")

    def test_a_folder_that_is_not_there(self, tmp_path):
        self.refused(tmp_path / "none", "no such folder; download facebook/sam-vit")

    def test_a_folder_without_config(self, tmp_path):
        self.refused(tmp_path, r"no readable config\.json")

    def test_another_architecture(self, tmp_path):
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam2"}))
        self.refused(tmp_path, "model_type 'sam2'; expected \"sam\"")

    def test_weights_in_pickles(self, tiny, tmp_path):
        (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
        (tmp_path / "pytorch_model.bin").write_bytes(b"x")
        self.refused(tmp_path, r"holds no \.safetensors; convert once")

    def test_weights_of_another_size(self, tiny, tmp_path):
        transformers.SamModel.from_pretrained(tiny).save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        config["vision_config"]["hidden_size"] = 32
        (tmp_path / "config.json").write_text(json.dumps(config))
        self.refused(tmp_path, "cannot be loaded as a SAM|do not fit a SAM")

    def test_weights_with_other_names(self, tiny, tmp_path):
        from safetensors.torch import load_file, save_file

        transformers.SamModel.from_pretrained(tiny).save_pretrained(tmp_path)
        path = tmp_path / "model.safetensors"
        tensors = {name.replace("vision_encoder", "encoder"): t for name, t in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
        self.refused(tmp_path, "tensors do not fit a SAM, as encoder")

    def test_a_file_that_is_cut_off(self, tiny, tmp_path):
        for file in tiny.iterdir():
            (tmp_path / file.name).write_bytes(
                file.read_bytes()[:200] if file.suffix == ".safetensors" else file.read_bytes()
            )
        self.refused(tmp_path, "cannot be loaded as a SAM")

    def test_transformers_missing(self, tiny, monkeypatch):
        monkeypatch.setitem(sys.modules, "transformers", None)
        self.refused(tiny, r'pip install "seganypet\[compare\]"')
