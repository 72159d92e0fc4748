"""SAM's network: small random weights from a folder, and a stand-in that shows what the network is given."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from seganypet.errors import MethodError
from seganypet.evaluation.methods.entry import Options
from seganypet.evaluation.methods.interface import Scan
from seganypet.evaluation.methods.sam import ENTRIES
from seganypet.evaluation.methods.sam_network import (
    MEDSAM,
    SAM,
    SamNetwork,
    hide_broken_torchvision,
    load_sam,
)
from seganypet.prompts import Click
from seganypet.volume import Volume

transformers = pytest.importorskip("transformers")

SIDE = 64


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a small random SAM."""
    hide_broken_torchvision(transformers)
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


def two_blobs():
    """Two hot blobs in slices 3 to 5."""
    suv = np.random.default_rng(0).uniform(0.1, 0.5, (12, 14, 9)).astype(np.float32)
    suv[2:5, 3:6, 3:6] = 9
    suv[8:11, 9:12, 3:6] = 9
    return suv


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
        volume = Volume(two_blobs(), np.diag([3.0, 3.0, 4.0, 1.0]))
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

    def test_transformers_that_cannot_be_imported(self, tiny, monkeypatch):
        class Broken:
            @property
            def SamModel(self):  # noqa: N802
                raise ModuleNotFoundError("Could not import") from RuntimeError("nms does not exist")

        monkeypatch.setitem(sys.modules, "transformers", Broken())
        self.refused(
            tiny, r"cannot load its SAM \(nms does not exist\); install a torchvision of the same build"
        )
