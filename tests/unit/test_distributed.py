"""Several real processes train what one does: the same order, losses, gradients and statistics."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import endings
import psutil
import pytest
import ranks
import torch
from torch import Tensor, nn

from cuewalk.artifacts.checkpoint import Checkpoint
from cuewalk.distributed.group import ALONE, Group
from cuewalk.distributed.layers import synchronise
from cuewalk.errors import InputError
from cuewalk.stages.processes import in_processes
from cuewalk.stages.runner import Job

SIZES = (2, 3)
EXACT = 1e-10
"""Largest difference in float64 after two epochs."""
CLOSE = 1e-4
"""In float32; weights are about 0.1 to 1."""


def job(folder: Path, processes: int, **compute: Any) -> Job:
    how = {"processes": processes, "device": "cpu", **compute}
    return Job(cfg={}, compute=how, root=folder, inputs={}, outputs={}, shard="", threads=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranks")
    for size in (1, *SIZES):
        # A training in one process that was cut off: each size goes on from it.
        ranks.fit(ALONE, Checkpoint(made / "one" / "model", "key"), epochs=1, optimizer="sgd")
        assert in_processes(ranks.everything)(job(made, size)) == size
    return made


def found(folder: Path, size: int, rank: int = 0) -> dict[str, Any]:
    result: dict[str, Any] = torch.load(folder / f"{size}-{rank}.pt", weights_only=True)
    return result


def flat(value: Any, name: str = "") -> dict[str, Tensor]:
    """All numbers within, by name."""
    if isinstance(value, dict):
        parts = [flat(part, f"{name}.{key}") for key, part in value.items()]
        return {key: tensor for part in parts for key, tensor in part.items()}
    return {name: torch.as_tensor(value)}


def difference(a: Any, b: Any) -> float:
    """Largest difference of any number in two things of one form."""
    one, other = flat(a), flat(b)
    assert one.keys() == other.keys()
    gaps = [(one[key].double() - other[key].double()).abs().max().item() for key in one]
    return max(gaps)


@pytest.mark.parametrize("count", range(8))
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_shares_are_even_and_hold_everything_once(size: int, count: int) -> None:
    shares = [list(range(count))[Group(rank, size).share(count)] for rank in range(size)]
    assert [one for share in shares for one in share] == list(range(count))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", ["adamw", "workers", "sgd", "frozen", "affinity"])
def test_training_is_that_of_one_process(folder: Path, case: str, size: int) -> None:
    # Three processes share a last batch of two, so one of them has nothing.
    one = found(folder, 1)[case]
    several = found(folder, size)[case]
    assert difference(one, several) < EXACT
    assert len(one["history"]) == 2


@pytest.mark.parametrize("size", SIZES)
def test_training_in_float32_is_close(folder: Path, size: int) -> None:
    assert difference(found(folder, 1)["float32"], found(folder, size)["float32"]) < CLOSE


@pytest.mark.parametrize("size", SIZES)
def test_processes_hold_the_same_network(folder: Path, size: int) -> None:
    first = found(folder, size)
    for rank in range(1, size):
        for case in ("adamw", "sgd", "float32", "affinity", "resumed"):
            assert difference(first[case], found(folder, size, rank)[case]) == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_mean_of_affinity_losses_is_not_the_loss_of_the_batch(folder: Path, size: int) -> None:
    one, several = found(folder, 1)["pairs"], found(folder, size)["pairs"]
    assert difference(one["ours"], one["plain"]) == 0
    for part in ("loss", "gradient", "counts"):
        assert difference(one["ours"][part], several["ours"][part]) < EXACT
    assert difference(one["ours"]["loss"], several["plain"]["loss"]) > 1e-3
    steepest = one["ours"]["gradient"].abs().max().item()
    assert difference(one["ours"]["gradient"], several["plain"]["gradient"]) > 0.05 * steepest


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("count", [7, 2])
def test_batch_norm_sees_the_whole_batch(
    folder: Path, count: int, momentum: float | None, size: int
) -> None:
    name = f"batch norm {count} {momentum}"
    one = found(folder, 1)[name]
    several = [found(folder, size, rank)[name] for rank in range(size)]
    for part in one:
        cut = part.startswith(("y", "dx"))
        whole = torch.cat([own[part] for own in several]) if cut else several[0][part]
        assert whole.shape == one[part].shape
        assert torch.allclose(whole, one[part], rtol=0, atol=1e-9), part
    assert one["0.num_batches_tracked"] == 2


@pytest.mark.parametrize("size", SIZES)
def test_a_resumed_training_ends_as_one_that_was_never_cut(folder: Path, size: int) -> None:
    several = found(folder, size)
    assert difference(several["adamw"], several["resumed"]) == 0


@pytest.mark.parametrize("size", SIZES)
def test_several_go_on_from_what_one_began(folder: Path, size: int) -> None:
    one, several = (found(folder, n)["resumed from one"] for n in (1, size))
    assert difference(one, several) < EXACT


@pytest.mark.parametrize("case", ["killed", "refusing"])
def test_one_that_ends_early_ends_all(case: str, tmp_path: Path) -> None:
    said = {
        "killed": r"^compute\.processes: training process 2 of 2 was killed by SIGKILL, .*\.$",
        "refusing": r"^dog\.jpg: cannot be read; replace it\.$",
    }
    run: Callable[..., int] = getattr(endings, case)
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    started = time.monotonic()
    with pytest.raises(InputError, match=said[case]):
        in_processes(run)(job(tmp_path, 2))
    assert time.monotonic() - started < 60
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    # multiprocessing's tracker of resources stays until the interpreter ends.
    assert not [c for c in left if "resource_tracker" not in " ".join(c.cmdline())]


def test_more_processes_than_gpus_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for device in ("cuda", "auto"):
        with pytest.raises(InputError, match=r"^compute\.processes: 3, but .* finds 2 on this"):
            in_processes(endings.killed)(job(tmp_path, 3, device=device))


@pytest.mark.parametrize(
    "layer", [nn.Dropout(0.1), nn.SyncBatchNorm(3), nn.BatchNorm2d(3, affine=False)]
)
def test_layers_that_cannot_be_shared_are_refused(layer: nn.Module) -> None:
    with pytest.raises(InputError, match=rf"\({type(layer).__name__}\).* set 1\.$"):
        synchronise(nn.Sequential(layer), Group(0, 2))


def test_a_process_alone_keeps_its_layers() -> None:
    layers = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.1))
    kept = list(layers)
    synchronise(layers, ALONE)
    assert all(one is other for one, other in zip(kept, layers, strict=True))


def test_shared_layers_keep_their_names_and_parameters() -> None:
    model = ranks.classifier(transformer={"drop_path": 0.3})
    names, parameters = list(model.state_dict()), list(model.parameters())
    synchronise(model, Group(0, 2))
    assert list(model.state_dict()) == names
    assert all(a is b for a, b in zip(parameters, model.parameters(), strict=True))
