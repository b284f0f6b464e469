"""Damaged runs, patches, maps, options, settings and configurations: each is read, or one line says why not.

Half of what is altered in a run gets the digest that an attacker would give it, so that what lies behind
the digests is tried too.
"""

import argparse
import contextlib
import copy
import io
import json
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from counts import count
from mutations import HUGE, MUTATIONS, TOKENS, VALUES, one_line, places, values
from organism_models import TINY, tiny_organism
from stage import arguments
from sweep_grids import grid
from test_flips import _maps
from tiny_models import tiny

from workbench.cli import main
from workbench.cli.options import configurable, configured
from workbench.core.errors import WorkbenchError
from workbench.core.settings import Settings
from workbench.core.store import digest_bytes, digest_json
from workbench.core.types import Site
from workbench.figures import make_spec
from workbench.figures.kinds import FIGURES
from workbench.figures.tables_out import to_latex, to_markdown
from workbench.organism import read_config, shipped, write_config
from workbench.organism.files import CARD, read_card
from workbench.report import to_html
from workbench.select import thaw
from workbench.study import Specification, load_patch, open_run, save_patch
from workbench.study.patches import load_maps

ODD = (b"[]", b"{}", b"1979-05-27", b"inf", b"nan", b'""', b"[[1]]", b"-1", b"true", rb'"\u0000"')
ENDS = (".", "", "-1", "²", HUGE, "\0", "\x1b", "x" * 5000)
RUNS, FILES, SMALL = count(25, 2000), count(100, 4000), count(200, 10_000)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with saved maps; tests alter a copy."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert main(arguments("diagnose", folder)) == 0
    save_patch(grid(tiny("llama"), layers=[1])[0], folder / "patch.safetensors", {"model": "tiny"})
    shutil.rmtree(folder / "shards")
    shutil.rmtree(folder / "store")
    return folder


def again(data: bytes) -> bytes:
    """JSON with the digest that belongs to it."""
    try:
        record = json.loads(data)
        record.pop("digest", None)
        return json.dumps(record | {"digest": digest_json(record)}).encode()
    except (ValueError, TypeError, AttributeError, RecursionError):
        return data


def altered_table(data: bytes, rng: random.Random) -> bytes:
    """A table with other values, types, columns or rows."""
    table = pd.read_parquet(io.BytesIO(data))
    column = rng.choice(list(table))
    kind = rng.randrange(7)
    odd = rng.choice([None, "", "\x1b[2J", "<script>", "x" * 5000, "\u202e", "../..", "sw-en", -1, 10**18])
    if kind == 0:
        table = table.drop(columns=column)
    elif kind == 1:
        table = table.head(rng.choice([0, 1]))
    elif kind == 2:
        table[column] = odd
    elif kind == 3 and pd.api.types.is_float_dtype(table[column]):
        table.loc[table.sample(frac=0.5, random_state=rng.randrange(99)).index, column] = rng.choice(
            [np.nan, np.inf, -np.inf, 1e308, 0.0]
        )
    elif kind == 4:
        table[column] = table[column].astype(str)
    elif kind == 5:
        table = pd.concat([table, table], ignore_index=True)
    else:
        table = table.rename(columns={column: rng.choice(["\x1b", "", "x" * 300])})
    out = io.BytesIO()
    table.to_parquet(out, index=False)
    return out.getvalue()


def altered(path: Path, rng: random.Random, known: bool) -> None:
    """Alter a file of a run; where `known`, with its digest."""
    data = path.read_bytes()
    if path.suffix == ".parquet" and known:
        data = altered_table(data, rng)
    else:
        mutations = [*MUTATIONS, *[values] * 6] if path.suffix == ".json" else MUTATIONS
        data = rng.choice(mutations)(data, rng)
        data = again(data) if known and path.suffix == ".json" else data
    path.write_bytes(data)
    manifest = path.parent / "manifest.json"
    if known and path.suffix == ".parquet":
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):  # it may be altered, too
            record = json.loads(manifest.read_bytes())
            record["files"][path.name] = digest_bytes([data])
            manifest.write_bytes(again(json.dumps(record).encode()))


def look(folder: Path, kind: str = "") -> None:
    """All that is read from a run without its model; with a kind, its report and such a figure."""
    for what in (
        lambda: Specification.read(folder),
        lambda: thaw(folder / "choices.json"),
        lambda: load_patch(folder / "patch.safetensors"),
        lambda: _opened(folder),
        lambda: to_html(open_run(folder)) if kind else None,
        lambda: _figure(folder, kind) if kind else None,
    ):
        try:
            what()
        except WorkbenchError as error:
            assert str(error).isprintable() and len(str(error)) < 1000


def _opened(folder: Path) -> None:
    run = open_run(folder)
    for name in ("cautions", "options", "command", "verdicts"):
        getattr(run, name)
    for part in run.parts:
        for name in ("missing", "title", "layer", "jointly", "records", "items", "test_rows"):
            getattr(part, name)
    for name in run.tables:
        len(run.tables[name])
    repr(run), run._repr_html_(), run.choices()


def _figure(folder: Path, kind: str) -> None:
    spec = make_spec(kind, open_run(folder).tables)
    to_latex(spec), to_markdown(spec)


def test_damaged_runs(run, tmp_path):
    files = {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    names = [name for name in files if name.suffix in (".json", ".parquet", ".safetensors", ".toml")]
    folder = shutil.copytree(run, tmp_path / "run")
    for number in range(RUNS):
        rng = random.Random(f"run {number}")
        some = rng.sample(names, rng.choice([1, 1, 2, 3]))
        known = rng.random() < 0.5
        for name in some:
            altered(folder / name, rng, known)
        with one_line(f"run, case {number}: {', '.join(map(str, some))}"):
            look(folder, rng.choice([*FIGURES]) if not known and rng.random() < 0.2 else "")
        for name in {*some, Path("manifest.json")}:
            (folder / name).write_bytes(files[name])


def header_of(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a safetensors file, and the rest."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def altered_patch(data: bytes, rng: random.Random) -> bytes:
    """A patch with other fields in its card, and the digest of these."""
    header, rest = header_of(data)
    card = json.loads(header["__metadata__"]["workbench"])
    digest = card.pop("digest")
    text = values(json.dumps(card).encode(), rng).decode(errors="surrogatepass")
    try:
        card = json.loads(text)
        text = json.dumps(card | {"digest": digest_json(card)})
    except (ValueError, TypeError, RecursionError):
        text = text[:-1] + f', "digest": "{digest}"}}'
    header["__metadata__"]["workbench"] = text
    if rng.random() < 0.2:
        header = json.loads(values(json.dumps(header).encode(), rng)) if rng.random() < 0.5 else header
    try:
        raw = json.dumps(header).encode()
    except (ValueError, RecursionError):
        raw = HUGE.encode()
    return struct.pack("<Q", rng.choice([len(raw)] * 9 + [0, 2**63, len(data) + 1])) + raw + rest


def test_damaged_patches(run, tmp_path):
    whole, path = (run / "patch.safetensors").read_bytes(), tmp_path / "patch.safetensors"
    path.write_bytes(whole)
    assert load_patch(path).card
    for number in range(FILES):
        rng = random.Random(f"patch {number}")
        try:
            data = altered_patch(whole, rng) if rng.random() < 0.7 else rng.choice(MUTATIONS)(whole, rng)
        except (ValueError, RecursionError):
            continue
        path.write_bytes(data)
        with one_line(f"patch, case {number}"):
            repr(load_patch(path))


def test_damaged_maps(run, tmp_path):
    store = _maps(tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert store.read()
    for number in range(FILES):
        rng = random.Random(f"maps {number}")
        path = rng.choice(list(files))
        data = values(files[path], rng) if path.suffix == ".json" else rng.choice(MUTATIONS)(files[path], rng)
        path.write_bytes(again(data) if path.suffix == ".json" else data)
        with one_line(f"maps, case {number}"):
            load_maps(tmp_path / "ridge")
        path.write_bytes(files[path])


def parsed(path: Path) -> argparse.Namespace:
    """Options of a file, as `diagnose` has them."""
    from workbench.cli.commands import COMMANDS
    from workbench.cli.options import add_options, settings_of

    parser = argparse.ArgumentParser()
    add_options(parser, COMMANDS["diagnose"])
    configurable(parser)
    options = configured(parser.parse_args(["--config", str(path)]))
    settings_of(options)
    return options


def test_damaged_options(run, tmp_path):
    fuzz_text((run / "study.toml").read_bytes(), tmp_path / "study.toml", parsed)


def test_damaged_configurations_of_an_organism(tmp_path):
    write_config(TINY, tmp_path / "whole.toml")
    fuzz_text((tmp_path / "whole.toml").read_bytes(), tmp_path / "world.toml", read_config)


def fuzz_text(whole: bytes, path: Path, read: Callable[[Path], Any]) -> None:
    """Read a damaged text, or one with an odd value in place of one."""
    path.write_bytes(whole)
    assert read(path)
    lines = [n for n, line in enumerate(whole.split(b"\n")) if b" = " in line]
    for number in range(FILES):
        rng = random.Random(f"{path.name} {number}")
        rows = whole.split(b"\n")
        if rng.random() < 0.6:
            row = rng.choice(lines)
            odd = rng.choice([*TOKENS, *ODD])
            rows[row] = rows[row].partition(b" = ")[0] + b" = " + odd
            data = b"\n".join(rows)
        else:
            data = rng.choice(MUTATIONS)(whole, rng)
        path.write_bytes(data)
        with one_line(f"{path.name}, case {number}"):
            read(path)


def test_damaged_cards_of_an_organism(tmp_path):
    folder = shutil.copytree(tiny_organism().folder, tmp_path / "organism")
    path = folder / CARD
    whole = path.read_bytes()
    for number in range(FILES):
        rng = random.Random(f"card {number}")
        data = rng.choice([*MUTATIONS, *[values] * 6])(whole, rng)
        path.write_bytes(again(data) if rng.random() < 0.5 else data)
        with one_line(f"card, case {number}"):
            shipped(folder)
        with one_line(f"card, case {number}"):
            read_card(path)


def test_odd_settings_and_sites():
    whole = Settings().to_json()
    for number in range(SMALL):
        rng = random.Random(f"settings {number}")
        record = json.loads(json.dumps(whole))
        for _ in range(rng.choice([1, 1, 3])):
            inside, key = rng.choice(list(places(record)))
            inside[key] = copy.deepcopy(rng.choice(VALUES))
        with one_line(f"settings, case {number}"):
            Settings.from_json(record)
        text = rng.choice(["resid_post.3", "resid_post", "3", "embed."]) + rng.choice(ENDS)
        with one_line(f"site, case {number}"):
            Site.parse(text)
