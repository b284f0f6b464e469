"""Count the files of the workbench that run in one slot sweep, one verdict and one capture.

python tools/traced.py [ROOT]     of this tree, or of another one (also of versions before 0.3)

A file runs when the body of one of its functions does; importing it does not count. A tiny random model, its
fitted maps and the frozen choice are there before the count begins.
"""

import importlib
import inspect
import pkgutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

SENTENCES = [
    f"the {size} {animal} {verb} home"
    for size in ("small", "large")
    for animal in ("cat", "dog", "bird")
    for verb in ("ran", "swam", "went", "came")
]


def any_of(*names: str) -> Any:
    """The first of these modules that this version has."""
    for name in names:
        try:
            return importlib.import_module(f"workbench.{name}")
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(f"this version has none of {', '.join(names)}")


def files_of(work: Callable[[], Any]) -> list[str]:
    """The files in which a function body runs while the work is done."""
    package, found = f"{ROOT / 'workbench'}/", set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if code.co_filename.startswith(package) and code.co_flags & inspect.CO_OPTIMIZED:
            found.add(code.co_filename.removeprefix(package))

    sys.settrace(note)
    try:
        work()
    finally:
        sys.settrace(None)
    return sorted(found)


def import_all() -> None:
    """Every module of the package, so that no import runs in a count."""
    package = importlib.import_module("workbench")
    for module in pkgutil.walk_packages(package.__path__, "workbench."):
        if not module.name.endswith(("__main__", "interop.harness")):  # the latter needs another package
            importlib.import_module(module.name)


def cases(folder: Path) -> dict[str, Callable[[], Any]]:
    """The work to trace, with all that it needs at hand."""
    align, models, select, tasks, text = (any_of(n) for n in ("align", "models", "select", "tasks", "text"))
    site, sweeps = any_of("core.types", "types").Site, any_of("sweeps", "sweep")
    capture = any_of("states", "capture").capture
    tiny = any_of("models.tiny", "models.outline").make_tiny_model("llama", folder / "model")
    model, d = models.load_model(tiny), 32
    sides = {"sw": tuple(SENTENCES), "en": tuple(s.upper() for s in SENTENCES)}
    X, Y = (torch.randn(80, d, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    fitted = align.ALIGNERS["least_squares"]().fit(X, X + 0.3 * Y)
    configuration = getattr(sweeps, "Configuration", None) or sweeps.Branch  # as it was called before
    configurations = [configuration("map", site(layer), fitted, "add_mapped", 0.5) for layer in range(4)]

    items = {
        split: [
            tasks.Example(f"{split}{i}", prompt, (" yes", " no"), i % 2, "sw", split)
            for i, prompt in enumerate(SENTENCES)
        ]
        for split in ("dev", "test")
    }
    parallel = text.ParallelText(sides)

    def sweep(split: str) -> Any:
        return sweeps.sweep(model, items[split], configurations, task="t", pair="sw-en")

    choice = select.choose(sweep("dev"), "map")
    select.freeze({"map": choice}, folder / "choices.json", {})
    test = sweep("test")

    def verdict() -> str:
        frozen = select.thaw(folder / "choices.json")["map"]
        return str(select.decide_choice(test, frozen).sentence)

    return {
        "slot sweep": lambda: sweep("dev"),
        "verdict": verdict,
        "capture": lambda: capture(model, parallel, languages=["sw", "en"], store=folder),
    }


def main() -> None:
    """Print the files of each case."""
    import_all()
    with tempfile.TemporaryDirectory() as folder:
        for name, work in cases(Path(folder)).items():
            found = files_of(work)
            print(f"{name}: {len(found)} files: {', '.join(found)}")


if __name__ == "__main__":
    main()
