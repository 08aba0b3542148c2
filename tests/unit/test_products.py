"""Products through oneDNN are those of torch, forward and backward."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cuewalk import products
from cuewalk.products import OneDnnLinear, product


@pytest.mark.parametrize("shape", [(2, 3, 5, 24), (1, 24), (0, 24)])
def test_products_are_those_of_torch_in_either_precision(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(2)
    rows = torch.randn(shape, dtype=torch.float64, generator=generator)
    weight = torch.randn(24, 36, dtype=torch.float64, generator=generator)
    for matrix in (weight, weight.mT.contiguous().mT):
        assert torch.equal(product(rows, matrix), rows @ matrix)
        single = product(rows.float(), matrix.float())
        torch.testing.assert_close(single.double(), rows @ matrix, rtol=0, atol=1e-5)


def grads(net: nn.Module, x: Tensor) -> list[Tensor]:
    """Output of a network, then the gradients of its input and of all parameters that learn."""
    net, x = copy.deepcopy(net), x.clone().requires_grad_()
    output = net(x)
    output.square().sum().backward()
    learnt = [p.grad for p in net.parameters() if p.requires_grad]
    return [output.detach(), x.grad, *learnt]


@pytest.mark.parametrize("shape", [(2, 7, 12), (5, 12), (0, 12)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_a_linear_layer_and_its_gradients(shape: tuple[int, ...], bias: bool, frozen: bool) -> None:
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(12, 20, bias=bias), nn.GELU(), nn.Linear(20, 6, bias=bias))
    net[0].requires_grad_(not frozen)
    x = torch.randn(shape)
    plain = grads(net.double(), x.double())
    net.float()
    with OneDnnLinear():
        ours = grads(net, x)
    assert len(ours) == len(plain)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


def test_float32_on_a_cpu_alone_takes_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = nn.Linear(4, 3), torch.randn(2, 4)

    def way() -> str:
        return type(layer(x).grad_fn).__name__

    usual = way()
    with OneDnnLinear():
        assert way() != usual
        with torch.autocast("cpu", torch.bfloat16):
            assert layer(x).dtype == torch.bfloat16
        assert F.linear(input=x, weight=layer.weight).shape == (2, 3)
        monkeypatch.setattr(products, "_HAS_ONEDNN", False)
        assert way() == usual
        layer, x = layer.double(), x.double()
        monkeypatch.setattr(products, "_HAS_ONEDNN", True)
        assert way() == usual
