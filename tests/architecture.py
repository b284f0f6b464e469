"""Reads the package as source, imports nothing, and finds where it breaks the laws of the house.

    order    imports point up the list of rooms; no cycles; nothing inside imports the root package
    pure     stats, align, measures and the formulas of intervene see tensors only
    heavy    transformer_lens only in models; plotting only in figures and report; no torch in figures
    output   only the command line prints, parses arguments and exits
    size     no file above 500 lines, no function above 60
    names    no name is bound twice at the top of a module

A *room* is a file or folder directly under the package. Run as a script, it lists the small files: those
below 60 lines that hold code, for a subject cut into slices is as hard to read as an endless file.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from source import PACKAGE, Module, Source, room_of, within

ROOMS = (
    "core",
    "stats",
    "results",
    "figures",
    "text",
    "checks",
    "models",
    "align",
    "measures",
    "states",
    "intervene",
    "tasks",
    "sweeps",
    "select",
    "report",
    "panel",
    "study",
    "organism",
    "methods",
    "analyses",
    "interop",
    "cluster",
    "cli",
    "__main__",
)
"""The rooms in import order: a room may import the rooms above it, never those below."""

PURE_ROOMS = ("stats", "align", "measures", "intervene")

PLOTTING = ("plotly", "matplotlib", "seaborn", "kaleido")
BRINGS_TORCH = ("torch", "transformer_lens", "transformers", "accelerate", "safetensors.torch")
NOT_TENSORS = (
    *("transformer_lens", "transformers", "tokenizers", "datasets", "huggingface_hub"),
    *("safetensors", "pyarrow", "pathlib", *PLOTTING),
    *(f"{PACKAGE}.{room}" for room in ("core.store", "text", "models", "states")),
)
TALKING = ("argparse", "click", "getopt", "optparse", "rich", "tqdm", "typer")
DRAWING = {f"{PACKAGE}.core.cards": ("tqdm",)}  # the callback that draws a bar, for whoever passes it
TALKING_CALLS = ("breakpoint", "exit", "input", "quit")
TALKING_ATTRIBUTES = ("argv", "exit", "stderr", "stdout")

MAX_FILE_LINES = 500
SMALL_FILE_LINES = 60
MAX_FUNCTION_LINES = 60


@dataclass(frozen=True, order=True)
class Violation:
    """One broken law, as `file:line: [law] what: why; what to do`."""

    path: str
    line: int
    law: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.law}] {self.message}"


def check(root: Path) -> list[Violation]:
    """Every broken law of the package under `root`, in order of file and line."""
    source = Source(root)
    laws = (_listed, _order, _cycles, _pure, _heavy, _torch_free, _output, _size, _names)
    return sorted({violation for law in laws for violation in law(source)})


def small_files(root: Path) -> list[tuple[str, int]]:
    """The files that hold code in fewer than 60 lines, and their lines; `__init__.py` is a list of names."""
    return [
        (module.path, count)
        for module in Source(root).modules.values()
        if module.stem not in ("__init__", "__main__")
        and (count := len(module.text.splitlines())) < SMALL_FILE_LINES
    ]


def _broken(module: Module, law: str, line: int, message: str) -> Violation:
    return Violation(module.path, line, law, message)


def _listed(source: Source) -> Iterator[Violation]:
    for module in source.modules.values():
        if module.room and module.room not in ROOMS:
            yield _broken(
                module,
                "order",
                1,
                f"the room {module.room!r} is not listed: its place in the import order is unknown; "
                "add it to ROOMS in tests/architecture.py",
            )


def _order(source: Source) -> Iterator[Violation]:
    for name, module in source.modules.items():
        for found in source.imports[name]:
            if name == PACKAGE:
                if within(found.target, PACKAGE) and not (found.deferred or found.typing_only):
                    yield _broken(
                        module,
                        "order",
                        found.line,
                        f"the root imports {found.target} at once: `import {PACKAGE}` must load nothing; "
                        "name it in _HOMES, so that it is imported on first use",
                    )
            elif found.base == PACKAGE:
                yield _broken(
                    module,
                    "order",
                    found.line,
                    f"imports the root package, which depends on every room; import from the room itself, "
                    f"as in from {PACKAGE}.ROOM import …; the version is in importlib.metadata",
                )
            elif _below(found.target, module.room):
                yield _broken(
                    module,
                    "order",
                    found.line,
                    f"{module.room} imports {found.target}, a room below it: imports only point up; "
                    "pass what is needed as an argument, or move the shared part to an upper room",
                )


def _below(target: str, room: str) -> bool:
    other = room_of(target)
    return other in ROOMS and room in ROOMS and ROOMS.index(other) > ROOMS.index(room)


def _cycles(source: Source) -> Iterator[Violation]:
    done: set[str] = set()
    inside = [name for name in source.modules if name != PACKAGE]
    for name in inside:
        chain = source.path_between(name, [name], inside)
        if chain and not done & set(chain):
            done |= set(chain)
            first = next(found for found in source.edges(name) if found.target == chain[1])
            yield _broken(
                source.modules[name],
                "order",
                first.line,
                f"import cycle {' → '.join(chain)}: neither can be read alone; "
                "move what both need to a file that imports neither",
            )


def _pure(source: Source) -> Iterator[Violation]:
    for name, module in source.modules.items():
        if not _is_pure(module):
            continue
        for found in source.imports[name]:
            leak = next((bad for bad in NOT_TENSORS if within(found.target, bad)), None)
            placing = _places(source.modules.get(found.target)) and module.stem != "__init__"
            if leak or placing:
                yield _broken(
                    module,
                    "pure",
                    found.line,
                    f"{module.room} imports {found.target}: it sees tensors only, so that it can be "
                    "tested and reused without a model; take tensors as arguments",
                )
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "open":
                yield _broken(
                    module,
                    "pure",
                    node.lineno,
                    f"{module.room} opens a file: it sees tensors only; read and write in the caller",
                )


def _is_pure(module: Module) -> bool:
    return module.room in PURE_ROOMS and not _places(module)


def _places(module: Module | None) -> bool:
    """Whether a file places intervention formulas in a run: `intervene/apply*.py`."""
    return module is not None and module.room == "intervene" and module.stem.startswith("apply")


def _heavy(source: Source) -> Iterator[Violation]:
    rules = (
        (("transformer_lens",), ("models",), "models/ hides which backend runs; use its adapter"),
        (PLOTTING, ("figures", "report"), "plotting is optional and heavy; return a table instead"),
    )
    for name, module in source.modules.items():
        for found in source.imports[name]:
            for packages, rooms, why in rules:
                if within(found.target, *packages) and module.room not in rooms:
                    yield _broken(
                        module,
                        "heavy",
                        found.line,
                        f"imports {found.base}, which only {' and '.join(rooms)} may: {why}",
                    )
            if module.room == "figures" and within(found.target, *BRINGS_TORCH):
                yield _broken(
                    module,
                    "heavy",
                    found.line,
                    f"figures imports {found.base}: a figure is rebuilt from tables on a machine "
                    "without torch; take numpy arrays or tables",
                )


def _torch_free(source: Source) -> Iterator[Violation]:
    """What importing a figure module runs: the modules named, their packages, and theirs in turn."""
    for name, module in source.modules.items():
        if module.room != "figures":
            continue
        reached = {part: [part] for part in _and_parents(name, source)}
        queue = list(reached)
        for current in queue:  # grows while it is read
            for found in source.imports[current]:
                if found.deferred or found.typing_only:
                    continue
                chain = reached[current]
                if within(found.target, *BRINGS_TORCH) and room_of(current) != "figures":
                    where = source.modules[current]
                    yield _broken(
                        module,
                        "heavy",
                        1,
                        f"importing it loads torch, through {' → '.join(chain)} "
                        f"({where.path}:{found.line}): figures run without torch; "
                        "take what is needed from a room that does not import it",
                    )
                for part in _and_parents(found.target, source):
                    if part not in reached:
                        reached[part] = [*chain, part]
                        queue.append(part)


def _and_parents(name: str, source: Source) -> list[str]:
    parts = name.split(".")
    chain = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return [part for part in chain if part in source.modules]


def _output(source: Source) -> Iterator[Violation]:
    for name, module in source.modules.items():
        if module.room in ("cli", "__main__"):
            continue
        for found in source.imports[name]:
            talking = within(found.target, *TALKING, *(f"sys.{word}" for word in TALKING_ATTRIBUTES))
            if talking and not within(found.target, *DRAWING.get(module.name, ())):
                yield _talks(module, found.line, f"imports {found.target}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Name) and node.id == "print" and isinstance(node.ctx, ast.Load):
                yield _talks(module, node.lineno, "prints")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in TALKING_CALLS:
                yield _talks(module, node.lineno, f"calls {ast.unparse(node.func)}()")
            elif isinstance(node, ast.Attribute) and node.attr in TALKING_ATTRIBUTES:
                if ast.unparse(node.value) == "sys":
                    yield _talks(module, node.lineno, f"uses sys.{node.attr}")
            elif isinstance(node, ast.Raise) and node.exc and "SystemExit" in ast.unparse(node.exc):
                yield _talks(module, node.lineno, "raises SystemExit")


def _talks(module: Module, line: int, what: str) -> Violation:
    return _broken(
        module,
        "output",
        line,
        f"{what}: only cli/ talks to the terminal; log, report through a callback, or raise a WorkbenchError",
    )


def _size(source: Source) -> Iterator[Violation]:
    for module in source.modules.values():
        count = len(module.text.splitlines())
        if count > MAX_FILE_LINES:
            yield _broken(
                module,
                "size",
                count,
                f"{count} lines, above {MAX_FILE_LINES}: it holds more than one subject; split it",
            )
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > MAX_FUNCTION_LINES:
                    yield _broken(
                        module,
                        "size",
                        node.lineno,
                        f"{node.name} has {length} lines, above {MAX_FUNCTION_LINES}: "
                        "it does more than one thing; name its steps",
                    )


def _names(source: Source) -> Iterator[Violation]:
    for module in source.modules.values():
        bound: dict[str, int] = {}
        for node in module.tree.body:
            for name in _bound_by(node):
                if name in bound:
                    yield _broken(
                        module,
                        "names",
                        node.lineno,
                        f"{name} is bound in line {bound[name]} too: the later one replaces the earlier one "
                        "without a word; give one of them another name",
                    )
                bound[name] = node.lineno


def _bound_by(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        if not any(ast.unparse(one) == "overload" for one in node.decorator_list):
            yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            yield from (one.id for one in ast.walk(target) if isinstance(one, ast.Name) and _is_bound(one))
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)


def _is_bound(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


if __name__ == "__main__":
    for path, count in small_files(Path(__file__).parent.parent):
        print(f"{path}: {count} lines; does it belong to a larger subject?")
