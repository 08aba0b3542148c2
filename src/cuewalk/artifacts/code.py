"""The digest of the code behind an artefact: what the syntax says, not how it is written.

Snakemake sees neither imported modules nor the difference between a comment and a statement. This
digest walks a stage's imports inside the package and hashes each module's syntax tree without
docstrings, so formatting, comments and docstrings change nothing and a line of code does. The
versions of the libraries that these modules import count too: another one may give other results.
"""

import ast
import hashlib
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = "cuewalk"
DISTRIBUTIONS = {
    "PIL": "pillow",
    "pydensecrf": "pydensecrf2",
    "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python",
    "yaml": "PyYAML",
}
"""Names that libraries are installed by, where they are imported by another."""
TEMPLATES = frozenset({".j2", ".css", ".js", ".yaml"})
UNCOUNTED = frozenset(
    f"{PACKAGE}.{name}" for name in ("artifacts.provenance", "devices", "watch.bars", "watch.pulse")
)
"""Modules that shape no result, with all that only they import: how a receipt is written, how a job
tells how far it is, which of several GPUs is used."""
ROOT = Path(__file__).resolve().parents[1]


def code_digest(*modules: str) -> str:
    """Hex digest of modules (dotted, within the package) and all they import from the package."""
    parts = code_parts(*modules)
    lines = [
        f"{name} {number}"
        for part in ("modules", "libraries", "templates")
        for name, number in sorted(parts[part].items())
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def code_parts(*modules: str) -> dict[str, dict[str, str]]:
    """What `code_digest` is made of, so that one can tell which part changed.

    Returns:
        `modules`: name -> digest of its syntax tree; `libraries`: import name -> version;
        `templates`: file name -> digest.
    """
    names = sorted(set().union(*map(imported_modules, modules)))
    # What a page is made of counts as code of the modules beside it.
    folders = {_path(name).parent for name in names}
    templates = {t for f in folders for t in f.iterdir() if t.suffix in TEMPLATES}
    return {
        "modules": {name: _tree_digest(name) for name in names},
        "libraries": library_versions(*names),
        "templates": {t.name: hashlib.sha256(t.read_bytes()).hexdigest() for t in templates},
    }


def imported_modules(module: str) -> set[str]:
    """The module itself and every module of the package that it imports, transitively.

    Without `UNCOUNTED`.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found | UNCOUNTED:
            found.add(name)
            waiting.extend(_imports(name))
    return found


def library_versions(*modules: str) -> dict[str, str]:
    """Installed versions of the libraries that modules of the package import, by import name."""
    names = {name for module in modules for name in _libraries(module)}
    return {name: version(DISTRIBUTIONS.get(name, name)) for name in names}


def _file(module: str) -> Path | None:
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None  # as a receipt made elsewhere might have it, to lead out of the package
    base = ROOT.joinpath(*parts[1:])
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _path(module: str) -> Path:
    path = _file(module)
    if path is None:
        raise ModuleNotFoundError(module)
    return path


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text())


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"{module}: relative imports are not followed; name the package")
    return tuple(sorted(n for n in names if n.split(".")[0] == PACKAGE and _file(n)))


@cache
def _libraries(module: str) -> frozenset[str]:
    """Top-level names of what a module imports from outside package and standard library."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    return frozenset(n.split(".")[0] for n in names) - sys.stdlib_module_names - {PACKAGE}


@cache
def _tree_digest(module: str) -> str:
    tree = _tree(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [n for n in node.body if not _is_docstring(n)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_docstring(node: ast.stmt) -> bool:
    # A bare string is a docstring or an attribute's description: neither runs.
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
