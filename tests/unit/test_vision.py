"""timm and torchvision load without torch's compiler, which is there for whoever wants it."""

import subprocess
import sys

CODE = """
import sys
import {module}
assert not any(name.startswith("torch._dynamo") for name in sys.modules), "loaded"
import torch, timm
model = timm.create_model("vit_tiny_patch16_224", img_size=32, num_classes=2).eval()
compiled = torch.compile(model, backend="eager")
images = torch.randn(1, 3, 32, 32)
torch.testing.assert_close(compiled(images), model(images))
assert "torch._dynamo.symbolic_convert" in sys.modules, "the real one"
"""


def test_stages_start_without_the_compiler_and_may_load_it() -> None:
    ran(CODE.format(module="cuewalk.stages.explanations"))


def test_a_compiler_that_is_loaded_stays() -> None:
    ran(
        "import sys, torch._dynamo\n"
        "before = sys.modules['torch._dynamo'], sys.modules['torch._dynamo.utils']\n"
        "import cuewalk.vision\n"
        "assert before == (sys.modules['torch._dynamo'], sys.modules['torch._dynamo.utils'])"
    )


def ran(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
