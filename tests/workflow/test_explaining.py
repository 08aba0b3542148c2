"""The tables of the explainers, from files in the layouts of ImageNet to figures that add up."""

import json
import shutil

import mats
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from imagenets import SORTED
from PIL import Image
from runs import Run
from safetensors.torch import save_file
from torch.nn import functional as F

from cuewalk.artifacts.store import read_store
from cuewalk.config import merge_config
from cuewalk.datasets.record import in_sample
from cuewalk.explain.registry import MODULES, explainer

pytestmark = pytest.mark.timeout(1800)

METHODS = ["relevance", "gradcam", "lrp", "random"]
SIZE = 32
MODEL = {"name": "vit_tiny_patch16_224", "image_size": SIZE, "weights": "weights.safetensors"}
IMAGENET = {
    "run": "imagenet",
    "tables": ["faithfulness"],
    "dataset": {
        "kind": "imagenet", "root": "imagenet", "train": None, "select": None, "limit": 6,
    },
    "shards": {"evaluate": 1},
    "classifier": {"model": MODEL, "training": {"epochs": 0}},
    "explain": {"methods": METHODS, "share": 1, "start_layer": 1, "lrp_norm_eps": 1.0e-5},
    "metrics": {"bootstrap": 20},
    # One photograph at a time, so that rounding is the same however they are cut into shards.
    "compute": {"device": "cpu", "batch_size": 1},
}  # fmt: skip
DIRECTIONS = {"negative": False, "positive": True}


def network(classes: int) -> timm.models.VisionTransformer:
    """A plain Vision Transformer whose answers change with what it sees."""
    torch.manual_seed(3)
    model = timm.create_model("vit_tiny_patch16_224", img_size=SIZE, num_classes=classes)
    torch.nn.init.normal_(model.head.weight, std=0.5)
    return model.eval()


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """Table 2 of eight photographs in class folders, of which the limit keeps six."""
    work = tmp_path_factory.mktemp("imagenet")
    noise = np.random.default_rng(0)
    for number in range(8):
        folder = work / "imagenet" / "val" / SORTED[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(noise.integers(0, 256, (5, 4, 3), np.uint8))
        coarse.resize((40 + number, 36), Image.Resampling.BICUBIC).save(folder / f"p{number}.png")
    save_file(network(3).state_dict(), work / "weights.safetensors")
    run = Run(work, IMAGENET)
    run.snakemake_or_fail()
    return run


def curves(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.folder / "metrics" / "perturbation.csv")


def test_a_row_per_method_class_mode_and_direction(imagenet):
    table = pd.read_csv(imagenet.folder / "metrics" / "faithfulness.csv")
    expected = [(m, c, d) for m in METHODS for c in ("predicted", "target") for d in DIRECTIONS]
    columns = zip(table["method"], table["classes"], table["direction"], strict=True)
    assert list(columns) == expected
    assert (table["images"] == 6).all()
    assert (table["n"] == 6).all()
    assert (table["auc_low"] <= table["auc"]).all()
    assert (table["auc"] <= table["auc_high"]).all()
    # Six photographs are not what the paper's figures are of.
    assert table["published"].isna().all()
    assert (table["images_per_second"] > 0).all()


def test_areas_follow_from_the_curves(imagenet):
    table = pd.read_csv(imagenet.folder / "metrics" / "faithfulness.csv")
    points = curves(imagenet)
    assert len(points) == 10 * len(table)
    for row, start in zip(table.itertuples(), range(0, len(points), 10), strict=True):
        of_row = points.iloc[start : start + 10]
        accuracy = of_row["hits"] / of_row["n"]
        assert row.auc == pytest.approx(100 * np.trapezoid(accuracy, dx=0.1), abs=1e-4)
        assert row.accuracy == pytest.approx(100 * accuracy.iloc[0], abs=1e-4)


@pytest.mark.parametrize("method", ["relevance", "lrp"])
def test_hits_counted_again_photograph_by_photograph(imagenet, method):
    """From the files alone: own resizing, own order of pixels, one forward pass at a time."""
    index = pd.read_csv(imagenet.folder / "dataset" / "evaluate-000.csv")
    model, lrp_model = network(3), network(3)
    lrp_model.norm.eps = 1e-5
    explain = explainer(method, MODULES[method])
    options = {"start_layer": 1} if method == "relevance" else {}
    hits = {(mode, d): np.zeros(10, int) for mode in ("predicted", "target") for d in DIRECTIONS}

    def answer(pixels):
        with torch.no_grad():
            return int(model((pixels[None] - 0.5) / 0.5).argmax())

    for row in index.itertuples():
        photograph = Image.open(imagenet.work / "imagenet" / row.path).convert("RGB")
        small = np.array(photograph.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        pixels = torch.tensor(small).permute(2, 0, 1) / 255
        label = SORTED.index(row.labels)
        explained = {"predicted": answer(pixels), "target": label}
        classes = list(dict.fromkeys(explained.values()))
        grids = explain(
            lrp_model, (pixels[None] - 0.5) / 0.5, torch.tensor(classes)[:, None], **options
        )
        for mode, of_mode in explained.items():
            grid = grids[classes.index(of_mode)]
            order = F.interpolate(grid[None], (SIZE, SIZE), mode="bilinear").flatten()
            for direction, positive in DIRECTIONS.items():
                ranked = np.argsort(-order if positive else order, stable=True)
                for level in range(10):
                    black = pixels.clone().flatten(1)
                    black[:, ranked[: int(SIZE * SIZE * level / 10)]] = 0
                    right = answer(black.view_as(pixels)) == label
                    hits[mode, direction][level] += right

    points = curves(imagenet)
    found = points[points["method"] == method]
    for (mode, direction), expected in hits.items():
        own = found[(found["classes"] == mode) & (found["direction"] == direction)]
        assert own["hits"].tolist() == expected.tolist(), (mode, direction)
    assert len({tuple(counts) for counts in hits.values()}) > 1


def test_shards_add_up(imagenet, tmp_path):
    shutil.copytree(imagenet.work, tmp_path / "work")
    run = Run(tmp_path / "work", merge_config(IMAGENET, {"shards": {"evaluate": 3}}))
    target = "results/imagenet/metrics/faithfulness.csv"
    run.snakemake_or_fail("--", target)
    assert len(list((run.folder / "perturbation" / "lrp").glob("evaluate-*.json"))) == 3
    pd.testing.assert_frame_equal(curves(imagenet), curves(run))


def test_another_method_leaves_the_others_alone(imagenet):
    assert imagenet.planned() == {}
    explain = {"methods": [*METHODS, "rollout"]}
    more = Run(imagenet.work, merge_config(IMAGENET, {"explain": explain}))
    assert more.planned() == {"explanations": 1, "perturbation": 1, "faithfulness": 1, "report": 1}


def test_a_setting_concerns_the_methods_that_have_it(imagenet):
    other = Run(imagenet.work, merge_config(IMAGENET, {"explain": {"start_layer": 0}}))
    assert other.planned() == {"explanations": 1, "perturbation": 1, "faithfulness": 1, "report": 1}
    other = Run(imagenet.work, merge_config(IMAGENET, {"explain": {"lrp_norm_eps": None}}))
    assert other.planned() == {"explanations": 2, "perturbation": 2, "faithfulness": 1, "report": 1}


def test_a_share_of_the_photographs_is_explained(imagenet, tmp_path):
    shutil.copytree(imagenet.work, tmp_path / "work")
    run = Run(tmp_path / "work", merge_config(IMAGENET, {"explain": {"share": 0.5}}))
    run.snakemake_or_fail()
    store = read_store(run.folder / "explanations/random/evaluate-000/explanations.zarr.zip")
    whole = pd.read_csv(run.folder / "dataset" / "evaluate-000.csv")["id"]
    assert store.ids == tuple(id for id in whole if in_sample(id, 0.5))
    assert 0 < len(store.ids) < len(whole)
    table = pd.read_csv(run.folder / "metrics" / "faithfulness.csv")
    assert set(table["images"]) == {len(store.ids)}


def test_a_ready_classifier_learns_nothing(imagenet):
    assert len(pd.read_csv(imagenet.folder / "classifier" / "history.csv")) == 0


def test_weights_without_a_head_for_the_classes_are_refused(imagenet, tmp_path):
    shutil.copytree(imagenet.work / "imagenet", tmp_path / "imagenet")
    save_file(network(5).state_dict(), tmp_path / "weights.safetensors")
    ran = Run(tmp_path, IMAGENET).snakemake()
    assert ran.returncode != 0
    assert "weights.safetensors has no head for the 3 classes" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_a_hybrid_that_lrp_cannot_pass_is_refused_before_it_is_trained(tmp_path):
    changes = {
        "run": "hybrid",
        "tables": ["faithfulness"],
        "dataset": {"shapes": {"train": 4, "select": 1, "evaluate": 2, "size": 64}},
        "classifier": {"model": {"name": "vit_tiny_r_s16_p8_224", "image_size": 64}},
        "explain": {"methods": ["lrp"]},
    }
    run = Run(tmp_path, changes)
    ran = run.snakemake()
    assert ran.returncode != 0
    assert "lrp has no rule for this model's stem" in ran.stderr
    assert "epoch" not in (run.folder / "logs" / "classifier.log").read_text()


@pytest.fixture(scope="module")
def segmented(tmp_path_factory):
    """Table 3 of the photographs of a small gtsegs_ijcv.mat."""
    work = tmp_path_factory.mktemp("segmentation")
    mats.write_mat(work / "gtsegs")
    save_file(network(1000).state_dict(), work / "weights.safetensors")
    data = {"kind": "imagenet_segmentation", "root": "gtsegs", "limit": None}
    changes = {"run": "segmented", "tables": ["cue_segmentation"], "dataset": data}
    run = Run(work, merge_config(IMAGENET, changes))
    run.snakemake_or_fail()
    return run


def test_soft_masks_of_imagenet_segmentation(segmented):
    table = pd.read_csv(segmented.folder / "metrics" / "cue_segmentation.csv")
    assert table["method"].tolist() == METHODS
    # There are no labels, so only the predicted class is explained.
    assert (table["classes"] == "predicted").all()
    count = len(pd.read_csv(segmented.folder / "dataset" / "evaluate-000.csv"))
    assert (table["images"] == count).all()
    assert (table["left_out"] == 0).all()
    for name in ("pixel_accuracy", "map", "miou"):
        assert table[f"{name}_published"].isna().all()
        assert (
            (table[f"{name}_low"] <= table[name]) & (table[name] <= table[f"{name}_high"])
        ).all()


def test_pixel_accuracy_counted_again(segmented):
    """Of the chance map: its grid above its own mean, against the masks as they were written."""
    model = network(1000)
    explain = explainer("random", MODULES["random"])
    index = pd.read_csv(segmented.folder / "dataset" / "evaluate-000.csv")
    correct = total = 0
    for row in index.itertuples():
        number = int(row.path.split("::")[1])
        pixels = mats.photograph(number)
        pixels = np.stack([pixels] * 3, -1) if pixels.ndim == 2 else pixels
        small = Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        seen = (torch.tensor(np.array(small)).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5
        with torch.no_grad():
            label = model(seen).argmax()
        grid = explain(model, seen, label.view(1, 1), seed=0)
        soft = F.interpolate(grid, (SIZE, SIZE), mode="bilinear")[0, 0].numpy()
        mask = Image.fromarray(mats.mask(number)).resize((SIZE, SIZE), Image.Resampling.NEAREST)
        correct += int(((soft > soft.mean()) == (np.array(mask) == 1)).sum())
        total += SIZE * SIZE
    table = pd.read_csv(segmented.folder / "metrics" / "cue_segmentation.csv").set_index("method")
    assert table.loc["random", "pixel_accuracy"] == pytest.approx(100 * correct / total, abs=0.05)


def test_receipts_tell_the_method(imagenet):
    receipt = json.loads((imagenet.folder / "explanations/gradcam/evaluate-000.json").read_text())
    module = MODULES["gradcam"]
    assert receipt["cfg"] == {"method": "gradcam", "module": module, "options": {}, "share": 1}


def test_predictions_are_of_photograph_and_mirror_image(imagenet):
    store = read_store(imagenet.folder / "predictions" / "evaluate-000" / "predictions.zarr.zip")
    index = pd.read_csv(imagenet.folder / "dataset" / "evaluate-000.csv").set_index("id")
    model = network(3)
    for id, logits in zip(store.ids, store.arrays["logits"], strict=True):
        photograph = Image.open(imagenet.work / "imagenet" / index.loc[id, "path"]).convert("RGB")
        small = np.array(photograph.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        seen = (torch.tensor(small).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5
        with torch.no_grad():
            expected = torch.cat([model(seen), model(seen.flip(-1))])
        np.testing.assert_allclose(logits, expected, atol=1e-4)
        assert not np.allclose(logits[0], logits[1], atol=1e-3)
