"""The site builds without a complaint, asks for nothing elsewhere, and no link leads nowhere."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OWN = sorted(
    path for place in ("*.md", "docs/*.md", ".github/**/*.md") for path in ROOT.glob(place)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


def build(project, site):
    """`mkdocs build --strict` of a project, as `make docs` does."""
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=project,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    ran = build(ROOT, folder)
    assert ran.returncode == 0, ran.stderr
    assert "WARNING" not in ran.stderr
    return folder


class Loads(HTMLParser):
    """Collects what a browser fetches for a page."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if attributes.get("rel") != "canonical" and (url := attributes.get(LOADED.get(tag, ""))):
            self.found.append(url)


def test_pages_load_nothing_from_elsewhere(site):
    pages = sorted(site.glob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        assert loads.found
        assert [url for url in loads.found if re.match(r"(\w+:)?//", url)] == [], page.name
        assert all((site / url.lstrip("/")).exists() for url in loads.found), page.name


def test_styles_load_nothing_from_elsewhere(site):
    for sheet in site.rglob("*.css"):
        urls = re.findall(r"url\(([^)]+)\)|@import\s+(\S+)", sheet.read_text())
        assert [url for url in urls if re.match(r"['\"]?(https?:)?//", "".join(url))] == [], sheet


def test_generated_parts_and_project_pages_are_there(site):
    assert 'id="walk.beta"' in (site / "configuration.html").read_text()
    assert 'id="cuewalk-audit"' in (site / "command-line.html").read_text()
    assert "First success" in (site / "index.html").read_text()
    assert "Add a stage" in (site / "contributing.html").read_text()
    for page in site.glob("*.html"):
        assert "generated: " not in page.read_text(), page.name


def test_links_out_of_docs_become_paths(site):
    text = (site / "resume.html").read_text()
    assert "<code>tests/workflow/test_faults.py</code>" in text
    assert '"../tests' not in text


@pytest.mark.parametrize(
    "text",
    ["[a](nowhere.md)", "[a](method.md#nowhere)", "[a](../src/nowhere.py)", "[a](/method.md)"],
)
def test_a_link_that_leads_nowhere_fails(tmp_path, text):
    for name in ("docs", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "mkdocs.yml", "config.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("src", "tests", "configs", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    with (tmp_path / "docs" / "gpu.md").open("a") as page:
        page.write(f"\n{text}\n")
    ran = build(tmp_path, tmp_path / "site")
    assert ran.returncode != 0
    assert "gpu.md" in ran.stderr


@pytest.mark.parametrize("page", OWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page):
    for target in LINK.findall(page.read_text()):
        if not re.match(r"\w+:", target) and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_project_pages_have_links():
    assert sum(len(LINK.findall(page.read_text())) for page in OWN) > 50


def test_pages_name_only_configs_and_targets_that_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    for page in OWN:
        text = page.read_text()
        for name in re.findall(r"configs/\w+\.yaml", text):
            assert (ROOT / name).exists(), (page, name)
        for name in re.findall(r"^ {4}make ([a-z]+)|`make ([a-z]+)`", text, re.M):
            assert "".join(name) in targets, (page, name)


def test_pictures_are_small():
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < 150_000, picture


def test_citation_and_issue_forms_are_whole():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.M)
    assert citation["version"] == version[1]
    (paper,) = citation["references"]
    assert {"type", "title", "authors"} <= paper.keys()
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        content = yaml.safe_load(form.read_text())
        if form.stem == "config":
            assert content == {"blank_issues_enabled": False}
            continue
        assert {"name", "description", "body"} <= content.keys()
        ids = [part["id"] for part in content["body"] if part["type"] != "markdown"]
        assert len(ids) == len(set(ids)) > 0
