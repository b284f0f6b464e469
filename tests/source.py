"""A package as text: its modules, and who imports whom. Nothing is imported or run."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "workbench"


@dataclass(frozen=True)
class Import:
    """One imported module: `base` as written, `target` the module that it reaches."""

    base: str
    target: str
    line: int
    deferred: bool  # inside a function: runs when the function does
    typing_only: bool  # under `if TYPE_CHECKING`: never runs


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: str
    text: str
    is_package: bool

    @cached_property
    def tree(self) -> ast.Module:
        """The file, parsed."""
        return ast.parse(self.text, filename=self.path)

    @property
    def room(self) -> str:
        """The room it lies in; empty for the root `__init__`."""
        return room_of(self.name)

    @property
    def stem(self) -> str:
        """Its file name without `.py`."""
        return "__init__" if self.is_package else self.name.rpartition(".")[2]


class Source:
    """A package as text: its modules and who imports whom."""

    def __init__(self, root: Path):
        self.modules: dict[str, Module] = {}
        for file in sorted((root / PACKAGE).rglob("*.py")):
            inside = file.relative_to(root)
            parts = inside.with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            text = file.read_text(encoding="utf-8")
            self.modules[name] = Module(name, inside.as_posix(), text, is_package)
        self.imports = {name: list(self._read(module)) for name, module in self.modules.items()}

    def _read(self, module: Module) -> Iterator[Import]:
        for node, deferred, typing_only in _walk(module.tree):
            for base, names in imported(node, module):
                for name in names or [""]:
                    target = self.target(base, name)
                    yield Import(base, target, node.lineno, deferred, typing_only)  # type: ignore[attr-defined]

    def target(self, base: str, name: str) -> str:
        """The module that `from base import name` reaches."""
        full = f"{base}.{name}"
        if not name or name == "*":
            return base
        return full if full in self.modules or not within(base, PACKAGE) else base

    def edges(self, name: str) -> Iterator[Import]:
        """The imports of a module that reach another module of the package and may run."""
        for found in self.imports[name]:
            if found.target in self.modules and found.target != name and not found.typing_only:
                yield found

    def path_between(self, start: str, goals: Iterable[str], through: Iterable[str]) -> list[str]:
        """The shortest chain of imports from `start` to one of `goals` `through` these only."""
        goals, through = set(goals), set(through)
        chains = [[start]]
        seen = {start}
        for chain in chains:  # grows while it is read: breadth first
            for found in self.edges(chain[-1]):
                if found.target in goals:
                    return [*chain, found.target]
                if found.target in through and found.target not in seen:
                    seen.add(found.target)
                    chains.append([*chain, found.target])
        return []


def room_of(name: str) -> str:
    """The room of a module of the package; empty for anything else.

    >>> room_of("workbench.align.linear"), room_of("workbench"), room_of("torch.nn")
    ('align', '', '')
    """
    head, _, rest = name.partition(".")
    return rest.partition(".")[0] if head == PACKAGE else ""


def within(name: str, *parents: str) -> bool:
    """Whether a module is one of `parents`, or lies in one."""
    return any(name == parent or name.startswith(parent + ".") for parent in parents)


def _walk(
    node: ast.AST, deferred: bool = False, typing_only: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Every node, with whether it runs later (in a function) or never (under TYPE_CHECKING)."""
    yield node, deferred, typing_only
    later = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    guarded = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    for field, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, later, typing_only or (guarded and field == "body"))


def imported(node: ast.AST, module: Module) -> Iterator[tuple[str, list[str]]]:
    """(module, names taken from it) for each import statement or `import_module("…")` call."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = module.name.split(".")
            drop = node.level - module.is_package
            base = ".".join(filter(None, [*parts[: len(parts) - drop], base]))
        yield base, [alias.name for alias in node.names]
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = ast.unparse(node.func).rpartition(".")[2]
        if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
            yield node.args[0].value, []
