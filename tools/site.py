"""What mkdocs does not know of this repository: pages outside docs/, and links between all of them.

mkdocs.yml names this file as a hook. Links in Markdown are relative to the file, as on GitHub.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from griffe import Extension, Object
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PLACES = {"README.md": "index.md"}
"""Files of the repository whose page has another name."""
OUTSIDE = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CITATION.cff",
    "LICENSE",
    "data/*/README.md",
    "figures/gallery/*.png",
    "notebooks/*.ipynb",
    "notebooks/*.png",
)
"""Files outside docs/ that the site shows, in the same folders as in the repository."""
LINK = re.compile(r"(\]\(|(?:src|href|srcset)=\")([^)\"#:\s]+)(#[^)\"\s]*)?(?=[)\"])")
"""A link to a file of the repository, in Markdown or HTML."""


def on_files(files: Files, config: Any) -> Files:
    """Add the files outside docs/."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, PLACES.get(name, name), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    here = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()

    def moved(link: re.Match[str]) -> str:
        before, target, anchor = link.groups()
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        place = PLACES.get(meant, meant.removeprefix("docs/"))
        start = posixpath.dirname(page.file.src_uri) or "."
        return before + posixpath.relpath(place, start) + (anchor or "")

    return LINK.sub(moved, markdown)


class Doctests(Extension):
    """Examples in docstrings are code."""

    def on_object(self, *, obj: Object, **others: Any) -> None:
        """Put each run of lines that starts with `>>>` between fences."""
        if obj.docstring:
            blocks = re.split(r"\n\s*\n", obj.docstring.value)
            fenced = [f"```pycon\n{one}\n```" if one.startswith(">>>") else one for one in blocks]
            obj.docstring.value = "\n\n".join(fenced)
