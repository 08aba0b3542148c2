"""Weights files: what fits is loaded, what does not is named, and nothing in them is ever run."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer
from tiny import STEM, changed, classifier, snapshot, spec
from torch import Tensor
from trees import SHARED

from cuewalk.classifier.backbone import build_model, build_stem, load_weights, stem_of
from cuewalk.config import read_config
from cuewalk.errors import InputError

State = dict[str, Tensor]


def save(state: State, path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.fixture
def model() -> VisionTransformer:
    return classifier(seed=0)


@pytest.fixture
def state() -> State:
    """Weights of another random start, every one of them unlike the model's."""
    state = classifier(seed=1).state_dict()
    return {k: v + 1 if v.is_floating_point() else v + 7 for k, v in state.items()}


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth", "model.pt"])
def test_round_trip_loads_every_tensor(
    model: VisionTransformer, state: State, name: str, tmp_path: Path
) -> None:
    before = snapshot(model)
    assert load_weights(model, save(state, tmp_path / name)) == []
    assert changed(before, model) == set(state)
    assert not changed(state, model)


@pytest.mark.parametrize("key", ["model", "state_dict"])
def test_state_inside_a_checkpoint_is_found(
    model: VisionTransformer, state: State, key: str, tmp_path: Path
) -> None:
    torch.save({key: state, "epoch": 3}, tmp_path / "checkpoint.pth")
    assert load_weights(model, tmp_path / "checkpoint.pth") == []
    assert not changed(state, model)


def test_build_model_loads_the_weights_it_names(state: State, tmp_path: Path) -> None:
    path = save(state, tmp_path / "model.safetensors")
    assert not changed(state, build_model(spec(weights=str(path)), 3))
    # A model about to be loaded with others does not need them.
    path.unlink()
    build_model(spec(weights=str(path)), 3, weights=False)


def test_head_of_another_class_count_stays_at_its_start(
    model: VisionTransformer, tmp_path: Path
) -> None:
    state = classifier(7, seed=1).state_dict()
    head = {"head.weight", "head.bias"}
    before = snapshot(model)
    assert load_weights(model, save(state, tmp_path / "m.pth")) == ["head.bias", "head.weight"]
    assert not changed(before, model) & head
    assert not changed({k: v for k, v in state.items() if k not in head}, model)


def test_head_that_is_missing_stays_at_its_start(
    model: VisionTransformer, state: State, tmp_path: Path
) -> None:
    headless = {k: v for k, v in state.items() if not k.startswith("head.")}
    fresh = load_weights(model, save(headless, tmp_path / "m.safetensors"))
    assert fresh == ["head.bias", "head.weight"]


@pytest.mark.parametrize("kind", ["missing", "unknown", "mis-shaped"])
def test_tensors_that_do_not_fit_are_listed(
    model: VisionTransformer, state: State, kind: str, tmp_path: Path
) -> None:
    name = "blocks.1.attn.qkv.weight"
    if kind == "missing":
        del state[name]
    elif kind == "unknown":
        name = "blocks.2.attn.qkv.weight"
        state[name] = torch.zeros(2)
    else:
        state[name] = torch.zeros(2, 2)
    before = snapshot(model)
    path = save(state, tmp_path / "m.safetensors")
    with pytest.raises(InputError) as caught:
        load_weights(model, path)
    assert str(caught.value) == f"{path}: does not fit the model; 1 tensors ({name}) did not load."
    assert not changed(before, model)


def test_long_list_of_tensors_is_cut(model: VisionTransformer, tmp_path: Path) -> None:
    path = save({"other": torch.zeros(1)}, tmp_path / "m.safetensors")
    # Counters of batch norms may be absent: many files leave them out.
    own = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
    names = sorted(({"other"} | own) - {"head.weight", "head.bias"})
    with pytest.raises(InputError) as caught:
        load_weights(model, path)
    listed = f"{len(names)} tensors ({', '.join(names[:8])} and {len(names) - 8} more)"
    assert listed in str(caught.value)


def test_position_embedding_of_another_grid_is_resampled(tmp_path: Path) -> None:
    # A ramp along the columns stays one when the 8 x 8 grid becomes 4 x 4: each new cell is
    # the mean of the two it covers, save at the border, where the kernel is cut off.
    state = classifier(image_size=64).state_dict()
    ramp = torch.arange(8.0).expand(8, 8).reshape(1, 64, 1).expand(1, 64, 32)
    token = torch.full((1, 1, 32), -3.0)
    state["pos_embed"] = torch.cat([token, ramp], dim=1)
    model: Any = classifier(image_size=32)
    assert load_weights(model, save(state, tmp_path / "m.pth")) == []
    found = model.pos_embed.detach()
    assert found.shape == (1, 17, 32)
    assert torch.equal(found[:, :1], token)
    grid = found[0, 1:, 0].reshape(4, 4)
    torch.testing.assert_close(grid, grid[:1].expand(4, 4))
    torch.testing.assert_close(grid[0, 1:3], torch.tensor([2.5, 4.5]), atol=0.1, rtol=0)
    assert (grid.diff(dim=1) > 1.5).all()


def test_position_embedding_of_no_square_grid_is_refused(
    model: VisionTransformer, state: State, tmp_path: Path
) -> None:
    state["pos_embed"] = torch.zeros(1, 1 + 60, 32)
    with pytest.raises(InputError, match="pos_embed"):
        load_weights(model, save(state, tmp_path / "m.pth"))


class Malicious:
    """Pickles to a call that creates a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("wrap", [True, False])
def test_pickle_with_more_than_tensors_is_refused_and_not_run(
    model: VisionTransformer, state: State, wrap: bool, tmp_path: Path
) -> None:
    mark, path = tmp_path / "mark", tmp_path / "model.pth"
    evil = Malicious(mark)
    torch.save({**state, "head.bias": evil} if wrap else evil, path)
    with pytest.raises(InputError, match="holds more than tensors; export a plain state dict"):
        load_weights(model, path)
    assert not mark.exists()
    # The trap is armed: an unpickler that trusts the file springs it.
    torch.load(path, weights_only=False)
    assert mark.exists()


def test_bare_pickle_is_refused_and_not_run(model: VisionTransformer, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "model.pth"
    path.write_bytes(pickle.dumps(Malicious(mark), protocol=2))
    with pytest.raises(InputError, match="holds more than tensors"):
        load_weights(model, path)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "model.pth"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_truncated_file_is_refused_in_one_sentence(
    model: VisionTransformer, state: State, name: str, share: float, tmp_path: Path
) -> None:
    path = save(state, tmp_path / name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError) as caught:
        load_weights(model, path)
    assert str(caught.value).startswith(f"{path}: not a readable weights file (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no.safetensors", "."])
def test_absent_file_is_refused(model: VisionTransformer, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weights file; check the path in the config"):
        load_weights(model, tmp_path / name)


def test_file_that_holds_no_state_dict_is_refused(model: VisionTransformer, tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "m.pth")
    with pytest.raises(InputError, match=r"m\.pth"):
        load_weights(model, tmp_path / "m.pth")


@pytest.mark.parametrize("counters", [True, False])
def test_weights_of_a_whole_cnn_load_into_the_cut_stem(counters: bool, tmp_path: Path) -> None:
    whole = timm.create_model("resnet10t", **STEM["options"]).state_dict()
    # Released safetensors lack the batch norms' counters.
    state = {k: v for k, v in whole.items() if counters or "num_batches" not in k}
    path = save({k: v + 1 for k, v in state.items()}, tmp_path / "cnn.safetensors")
    stem = stem_of(build_model(spec(stem={"weights": str(path)}), 3))
    for name, value in stem.state_dict().items():
        if "num_batches" not in name:
            assert torch.equal(value, whole[name] + 1), name


def test_stem_whose_names_timm_flattens_loads(tmp_path: Path) -> None:
    options: dict[str, Any] = {"depths": (1, 1, 1, 1), "dims": (8, 16, 24, 32)}
    whole = timm.create_model("convnext_atto", **options).state_dict()
    path = save({k: v + 1 for k, v in whole.items()}, tmp_path / "cnn.pth")
    stem = build_stem(
        {"name": "convnext_atto", "level": 1, "weights": str(path), "options": options}, True
    )
    own = stem.state_dict()
    assert any("stages_0" in name for name in own)
    flat = {k.replace(".", "_"): v for k, v in whole.items()}
    assert all(torch.equal(v, flat[k.replace(".", "_")] + 1) for k, v in own.items())


def test_weights_of_another_cnn_are_refused(tmp_path: Path) -> None:
    wider = STEM["options"] | {"channels": [8, 24, 32, 64]}
    path = save(timm.create_model("resnet10t", **wider).state_dict(), tmp_path / "cnn.pth")
    with pytest.raises(InputError) as caught:
        build_model(spec(stem={"weights": str(path)}), 3)
    assert str(caught.value).startswith(f"{path}: does not fit the stem; 15 tensors (layer2.0.bn1.")


def test_real_weights_fill_the_stem_of_the_shipped_config() -> None:
    root = Path(__file__).parents[2]
    stem = read_config(root / "configs" / "voc_animals.yaml")["classifier"]["model"]["stem"]
    path = SHARED / "weights" / Path(stem["weights"]).name
    if not path.is_file():
        pytest.skip(f"{path} is absent: set CUEWALK_SHARED to the folder that holds weights/")
    real = load_file(path)
    own = build_stem({**stem, "weights": str(path)}, True).state_dict()
    assert own["blocks.3.0.conv_pw.weight"].shape == (192, 32, 1, 1)
    for name, value in own.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, real[name]), name


def test_weights_that_cannot_be_fetched(tmp_path: Path) -> None:
    code = (
        "from cuewalk.classifier.backbone import build_stem; "
        "build_stem({'name': 'mobilenetv2_050', 'level': 3, 'weights': 'pretrained', "
        "'options': {}}, True)"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    said = ran.stderr.splitlines()[-1]
    assert "InputError: classifier.model.stem.weights: timm could not fetch" in said
    assert "'mobilenetv2_050'" in said
