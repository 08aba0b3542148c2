"""What mkdocs does besides: generated references, the project's own pages, links out of docs/.

Pages link as they must in the repository. On the site, README.md, CONTRIBUTING.md and CHANGELOG.md
are pages too; any other file outside docs/ is not there, so its link becomes its path.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

import commands
import config_reference
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from cuewalk.audit.cli import main

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the project that are pages of the site."""
LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def reference_of_keys() -> str:
    """All configuration keys, as Markdown."""
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    return config_reference.render(
        config_reference.read_keys((ROOT / "config.yaml").read_text(), schema)
    )


GENERATED = {
    "<!-- generated: keys -->": reference_of_keys,
    "<!-- generated: commands -->": lambda: commands.render(main, "cuewalk"),
}
"""What stands in a page for a part that is made when the site is built."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the project's own pages."""
    for source, page in PAGES.items():
        text = (ROOT / source).read_text().replace("](docs/", "](").replace('"docs/', '"')
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put generated parts in, and turn links that lead out of docs/."""
    for marker, make in GENERATED.items():
        if marker in markdown:
            markdown = markdown.replace(marker, make())
    folder = "" if page.file.generated_by else "docs"
    return LINK.sub(lambda link: _on_the_site(link, folder), markdown)


def _on_the_site(link: re.Match[str], folder: str) -> str:
    text, target, anchor = link[1], link[2], link[3] or ""
    path = posixpath.normpath(posixpath.join(folder, target))
    if path in PAGES:
        return f"[{text}]({PAGES[path]}{anchor})"
    if path.startswith("docs/") or ":" in target or not (ROOT / path).exists():
        return link[0]  # inside docs/, elsewhere, or wrong: mkdocs checks it
    name = path.rpartition("/")[2]
    return f"`{path}`" if text.strip("`") in {name, path} else f"{text} (`{path}`)"
