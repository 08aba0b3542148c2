"""The digest of a stage's code: moved by what runs, and by nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cuewalk.artifacts import code

PACKAGE = {
    "__init__.py": "",
    "stages/__init__.py": "",
    "stages/walk.py": '''"""Stage."""

import numpy as np

from cuewalk.affinity import pairs
from cuewalk.affinity.walk import step


def run(job):
    """Run it."""
    import cuewalk.late
    return step(pairs.RADIUS, cuewalk.late.value)
''',
    "stages/other.py": "from cuewalk.late import value\n",
    "affinity/__init__.py": "",
    "affinity/walk.py": """from cuewalk.deep import base


def step(a, b):
    return base(a) + b
""",
    "affinity/pairs.py": "RADIUS = 5\n",
    "affinity/unused.py": "UNUSED = 1\n",
    "deep.py": '''class Base:
    """What it is."""

    size: int = 3
    """Of the grid."""


def base(a):
    """Twice."""
    # Comment.
    return 2 * a
''',
    "late.py": "value = 1\n",
    "report/__init__.py": "",
    "report/page.py": "PAGE = 1\n",
    "report/page.html.j2": "<p>{{ x }}</p>\n",
}
STAGE = "cuewalk.stages.walk"


class Package:
    """A scratch package, of which each call of `digest` sees the files as they are."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def digest(self, *modules: str) -> str:
        clear()
        return code.code_digest(*(modules or [STAGE]))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.setattr(code, "ROOT", tmp_path / code.PACKAGE)
    scratch = Package(code.ROOT)
    for name, text in PACKAGE.items():
        scratch.write(name, text)
    yield scratch
    # What was cached of the scratch package must not be taken for the real one.
    clear()


def clear() -> None:
    for cached in (code._tree, code._imports, code._libraries, code._tree_digest):
        cached.cache_clear()


def test_another_version_of_a_library_changes_the_digest(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = package.digest()
    assert code.library_versions(*code.imported_modules(STAGE)).keys() == {"numpy"}
    monkeypatch.setattr(code, "version", lambda name: "0.0")
    assert package.digest() != before
    # A stage that imports none does not care.
    assert package.digest("cuewalk.stages.other") == package.digest("cuewalk.stages.other")


def test_libraries_are_found_by_the_names_they_are_installed_by() -> None:
    stages = [p.stem for p in (code.ROOT / "stages").glob("*.py") if p.stem != "__init__"]
    modules = {m for s in stages for m in code.imported_modules(f"cuewalk.stages.{s}")}
    found = code.library_versions(*modules)
    assert {"torch", "timm", "numpy", "zarr", "pydensecrf", "PIL", "sklearn"} <= found.keys()
    assert all(found.values())


def test_imports_are_followed_through_the_package_alone(package: Package) -> None:
    package.digest()
    assert code.imported_modules(STAGE) == {
        STAGE,
        "cuewalk.affinity",
        "cuewalk.affinity.pairs",
        "cuewalk.affinity.walk",
        "cuewalk.deep",
        "cuewalk.late",
    }


def test_digest_is_stable_and_short(package: Package) -> None:
    first = package.digest()
    assert first == package.digest()
    assert len(first) == 16
    assert int(first, 16) >= 0


def test_digest_does_not_depend_on_where_the_package_lies(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = package.digest()
    package.root.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(code, "ROOT", tmp_path / "elsewhere")
    assert package.digest() == here


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("deep.py", "    # Comment.\n", ""),
        ("deep.py", "# Comment.", "# Another one."),
        ("deep.py", '"""Twice."""', '"""Doubled,\n\n    at some length.\n    """'),
        ("deep.py", '    """Twice."""\n', ""),
        ("deep.py", '    """Of the grid."""\n', ""),
        ("deep.py", '    """What it is."""\n', ""),
        ("stages/walk.py", '"""Stage."""\n', ""),
        ("deep.py", "return 2 * a", "return (2*a)"),
        ("deep.py", "def base(a):", "def base(\n    a,\n):"),
        ("deep.py", "\n\n\n", "\n\n\n\n\n"),
        ("affinity/pairs.py", "RADIUS = 5", "RADIUS = 0x5"),
    ],
)
def test_comments_docstrings_and_formatting_keep_the_digest(
    package: Package, name: str, old: str, new: str
) -> None:
    before = package.digest()
    package.edit(name, old, new)
    assert package.digest() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/walk.py", "pairs.RADIUS", "pairs.RADIUS + 1"),
        ("affinity/pairs.py", "RADIUS = 5", "RADIUS = 6"),
        ("affinity/walk.py", "+ b", "- b"),
        # Imported by a module that the stage imports.
        ("deep.py", "return 2 * a", "return 3 * a"),
        ("deep.py", "size: int = 3", "size: int = 4"),
        # Imported within a function.
        ("late.py", "value = 1", "value = 2"),
        # What a package does when it is imported.
        ("affinity/__init__.py", "", "print('imported')\n"),
        ("affinity/walk.py", "from cuewalk.deep import base", "from cuewalk.late import base"),
    ],
)
def test_changed_line_changes_the_digest(package: Package, name: str, old: str, new: str) -> None:
    before = package.digest()
    package.edit(name, old, new)
    assert package.digest() != before


def test_module_that_is_not_imported_does_not_count(package: Package) -> None:
    before = package.digest()
    package.edit("affinity/unused.py", "UNUSED = 1", "UNUSED = 2")
    package.edit("stages/other.py", "import value", "import value as v")
    package.edit("report/page.html.j2", "<p>", "<b>")
    package.write("new.py", "NEW = 1\n")
    assert package.digest() == before


def test_module_that_is_loaded_by_name_counts_beside_the_stage(package: Package) -> None:
    loaded = "cuewalk.affinity.unused"
    before = package.digest(STAGE, loaded)
    assert before != package.digest()
    assert before == package.digest(loaded, STAGE)
    package.write("affinity/unused.py", "UNUSED = 2\n")
    assert package.digest(STAGE, loaded) != before


def test_code_that_moves_to_another_module_changes_the_digest(package: Package) -> None:
    before = package.digest()
    moved = (package.root / "affinity/walk.py").read_text()
    package.write("affinity/stroll.py", moved)
    package.edit("stages/walk.py", "cuewalk.affinity.walk", "cuewalk.affinity.stroll")
    assert package.digest() != before


def test_template_counts_as_code_of_its_page(package: Package) -> None:
    package.edit("stages/other.py", "cuewalk.late import value", "cuewalk.report.page import PAGE")
    other = "cuewalk.stages.other"
    before, walk = package.digest(other), package.digest()
    package.edit("report/page.html.j2", "<p>", "<b>")
    assert package.digest(other) != before
    assert package.digest() == walk


def test_relative_import_is_refused(package: Package) -> None:
    package.edit("affinity/walk.py", "from cuewalk.deep", "from ..deep")
    with pytest.raises(ValueError, match=r"cuewalk\.affinity\.walk: relative imports"):
        package.digest()


def test_unknown_module_is_refused(package: Package) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"cuewalk\.stages\.no"):
        package.digest("cuewalk.stages.no")


def test_every_real_stage_has_a_digest_of_its_own() -> None:
    stages = [p.stem for p in (code.ROOT / "stages").glob("*.py") if p.stem != "__init__"]
    digests = {code.code_digest(f"{code.PACKAGE}.stages.{stage}") for stage in stages}
    assert len(digests) == len(stages) > 10


def test_real_stage_of_labels_does_not_follow_the_networks() -> None:
    found = code.imported_modules("cuewalk.stages.labels")
    assert {"cuewalk.labels", "cuewalk.affinity.pairs", "cuewalk.artifacts.store"} <= found
    assert not {name for name in found if "classifier" in name or "explain" in name}
