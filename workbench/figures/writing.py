"""A run's figures as files: drawings, tables of the same numbers, and a manifest for each kind."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from workbench.core.errors import InputError, StoreError
from workbench.core.store import digest_bytes, digest_file, read_json, write_bytes, write_json
from workbench.core.types import Progress, silent
from workbench.figures.frames import NothingToShow, RunTables
from workbench.figures.kinds import FIGURES, kind_name, make_spec
from workbench.figures.look import Preset
from workbench.figures.look import preset as find_preset
from workbench.figures.paper import check_format, draw_paper, save_paper
from workbench.figures.paper_layout import missing_fonts
from workbench.figures.spec import Spec
from workbench.figures.tables_out import to_latex, to_markdown


@dataclass(frozen=True)
class Written:
    """What was written, and what could not be."""

    files: tuple[Path, ...]
    left_out: dict[str, str]
    """Kind → why it is not there."""
    missing_fonts: tuple[str, ...]


def write_figures(
    run: RunTables,
    folder: Path,
    preset: str = "acl",
    formats: Sequence[str] = ("pdf", "svg", "png"),
    only: str | Sequence[str] | None = None,
    command: str = "",
    progress: Progress = silent,
    dpi: int | None = None,
    overwrite: bool = False,
    titled: bool = False,
    options: Mapping[str, object] | None = None,
) -> Written:
    """Every kind that the tables allow into `folder`; the same bytes from the same tables.

    `only` names one kind, which then must be there, or several, of which those are drawn that can be. Each
    kind takes those of the `options` that it has; one kind alone must have them all. With `titled`, title
    and notes are in the drawings. `dpi` is of PNG files, where it is not to be the preset's. A file in the
    folder that no manifest of a figure lists as it is was not written here, and is refused unless it is to
    be overwritten.
    """
    style = find_preset(preset)
    if dpi is not None:
        if not 30 <= dpi <= 1200:
            raise InputError(f"{dpi} dots an inch: give 30 to 1200")
        style = replace(style, dpi=dpi)
    for name in formats:
        check_format(name)
    kinds = list(FIGURES) if only is None else [only] if isinstance(only, str) else only
    kinds = list(map(kind_name, kinds))
    files: list[Path] = []
    left_out: dict[str, str] = {}
    fonts: dict[str, None] = {}
    for done, kind in enumerate(kinds):
        progress("figures", done, len(kinds))
        try:
            own = options or {}
            own = (
                own if isinstance(only, str) else {k: v for k, v in own.items() if k in FIGURES[kind].options}
            )
            spec = make_spec(kind, run.frames, run.cautions, **own)
        except NothingToShow as reason:
            if isinstance(only, str):
                raise
            left_out[kind] = str(reason)
            continue
        fonts |= dict.fromkeys(missing_fonts(spec.texts()))
        pages = draw_paper(spec, style, warn=False, titled=titled)
        files += _write(spec, pages, run, folder, style, formats, command, overwrite)
    progress("figures", len(kinds), len(kinds))
    if not files:
        raise InputError(f"{run.name} has the tables of no figure: {'; '.join(left_out.values())}")
    return Written(tuple(files), left_out, tuple(fonts))


def _write(
    spec: Spec,
    pages: Sequence[Figure],
    run: RunTables,
    folder: Path,
    style: Preset,
    formats: Sequence[str],
    command: str,
    overwrite: bool,
) -> list[Path]:
    texts = {"tex": to_latex(spec), "md": to_markdown(spec), "caption.txt": f"{spec.caption}\n"}
    contents = {f"{spec.kind}.{ending}": text.encode() for ending, text in texts.items()}
    for number, page in enumerate(pages, start=1):
        name = spec.kind if len(pages) == 1 else f"{spec.kind}-{number}"
        contents |= {f"{name}.{ending}": save_paper(page, ending) for ending in formats}
    needed = (*FIGURES[spec.kind].needs, *FIGURES[spec.kind].may)
    manifest: dict[str, Any] = {
        "kind": spec.kind,
        "command": command,
        "preset": style.name,
        "dpi": style.dpi,
        "tables": {name: digest for name, digest in run.digests.items() if Path(name).stem in needed},
        "files": {name: digest_bytes([data]) for name, data in contents.items()},
        "versions": {
            name: version(name) for name in ("alignment-workbench", "matplotlib", "pandas", "numpy")
        },
    }
    before = _listed(folder, spec.kind)
    if not overwrite:
        _refuse_foreign(folder, spec.kind, list(contents))
    # First what the files will be: those of a drawing that was stopped are known by it.
    write_json(folder / f"{spec.kind}.json", manifest)
    for name, data in contents.items():
        write_bytes(folder / name, data)
    for name in before:
        path = folder / name
        drawn_anew = name not in contents and name.rpartition(".")[2] in formats  # there are fewer pages now
        if drawn_anew and path.is_file() and digest_file(path) == before[name]:
            path.unlink()
    return [*(folder / name for name in contents), folder / f"{spec.kind}.json"]


def _listed(folder: Path, kind: str) -> dict[str, str]:
    """The files of an earlier drawing, and their digests."""
    path, listed = folder / f"{kind}.json", {}
    if path.exists():
        with suppress(StoreError):
            listed = read_json(path, digest="optional").get("files", {})
    return {name: digest for name, digest in listed.items() if Path(name).name == name}


def _refuse_foreign(folder: Path, kind: str, names: Sequence[str]) -> None:
    """Refuse to replace what is not a figure of ours as it was written."""
    listed = _listed(folder, kind)
    for name in names if listed else [f"{kind}.json", *names]:
        file = folder / name
        if file.exists() and (not file.is_file() or digest_file(file) != listed.get(name)):
            raise InputError(
                f"{file} already exists and is not a figure as `workbench figures` wrote it: give another "
                "folder with --out, or --overwrite to replace it"
            )
