"""Open a run together with its model, so that its studies can be resumed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import InputError
from workbench.core.languages import read_pair
from workbench.core.settings import Settings
from workbench.core.types import Progress, silent
from workbench.figures import plot
from workbench.models import LanguageModel, load_model, wrap
from workbench.results import Part
from workbench.results import Run as RunFolder
from workbench.select import Choice, thaw
from workbench.study.diagnosis import Diagnosis, prepare
from workbench.study.run import Study
from workbench.study.saved import SavedPatch, load_patch
from workbench.study.specification import Specification
from workbench.tasks import task_of
from workbench.text import text_of

if TYPE_CHECKING:
    from workbench.panel import Panel


@dataclass(frozen=True, repr=False)
class Run(RunFolder):
    """The folder of a run: tables, verdicts, choices and items as they are; studies with a model.

    Tables, figures and the report need no model. `study` and `diagnosis` load the one that the run was made
    with, or take yours, whose weights must be the same.
    """

    def choices(self, pair: str | None = None, task: str | None = None) -> dict[str, Choice]:
        """What each aligner chose on dev, as it was frozen before test."""
        return thaw(self._part(pair, task).folder / "choices.json")

    def patch(self, pair: str | None = None, task: str | None = None) -> SavedPatch:
        """The chosen patch of a study."""
        return load_patch(self._part(pair, task).folder / "patch.safetensors")

    def study(
        self,
        model: Any = None,
        pair: str | None = None,
        task: str | None = None,
        progress: Progress = silent,
    ) -> Study:
        """One study, by pair and task where there are several."""
        studies = self.diagnosis(model, progress=progress).studies
        part = self._part(pair, task)
        return next(one for one in studies if (one.pair, one.task.name) == (part.pair, part.task))

    def diagnosis(
        self, model: Any = None, pairs: Sequence[str] | None = None, progress: Progress = silent
    ) -> Diagnosis:
        """All studies of the run (of some pairs), as they were specified."""
        made_of = self.read_specification()
        if not made_of.tasks:
            raise InputError(f"{self.folder} is a run without a task: it has similarities, but no studies")
        for pair in pairs or ():
            if pair not in [part.pair for part in self.parts]:
                known = ", ".join(dict.fromkeys(part.pair for part in self.parts))
                raise InputError(f"{self.folder} has no study of {pair}: it has {known}")
        whole = Diagnosis.of(self._model(model, made_of), made_of, self.root, progress)
        return whole if pairs is None else whole.only(pairs)

    def read_specification(self) -> Specification:
        """What the run was made of, with its sentences and items."""
        return Specification.read(self.root)

    def plot(self, kind: str) -> Any:
        """The interactive figure (plotly) of a kind, such as `layers`, `aligners` or `gap`."""
        return plot(self, kind)

    def explore(self, *more: str | Path) -> "Panel":
        """A panel in the notebook to look at layers; `more` are folders with further tables (`grid`)."""
        from workbench.panel import explore

        return explore(self.folder, *more)

    def _part(self, pair: str | None, task: str | None) -> Part:
        found = [one for one in self.parts if pair in (None, one.pair) and task in (None, one.task)]
        if len(found) == 1:
            return found[0]
        known = "; ".join(one.title for one in self.parts)
        what = "no such study" if not found else "several studies: name pair and task"
        raise InputError(f"{self.folder} holds {what}; it has {known}")

    def _model(self, model: Any, made_of: Specification) -> LanguageModel:
        about = made_of.model
        if model is None:
            model = load_model(
                about["source"],
                backend=about["backend"],
                dtype=str(about["dtype"]).removeprefix("torch."),
                attn=about["attention"],
                revision=about["revision"],
            )
        wrapped = wrap(model)
        if wrapped.weights_digest != about["weights_digest"]:
            raise InputError(
                f"{self.folder} was made with {about['name']} (weights {about['weights_digest'][:12]}…), but "
                f"{wrapped.info.name} has weights {wrapped.weights_digest[:12]}…: give that model"
            )
        return wrapped


def diagnose(
    model: Any,
    text: Any,
    tasks: Any,
    pairs: str | Sequence[str | tuple[str, str]],
    folder: str | Path = "runs/diagnose",
    settings: Settings | None = None,
    progress: Progress = silent,
    overwrite: bool = False,
) -> Run:
    """At which layer a map helps, and whether it is to be believed: every study, start to end, as a run.

    The model is one of `load_model` or anything that `wrap` takes; the text a `ParallelText`, lists of
    sentences by language, or None to fit on the tasks' own `fit` items. Tasks are tasks or specs for
    `read_task`, pairs are `"sw-en"` or `("sw", "en")`; one of each needs no list. A run that was stopped
    goes on in its folder. `workbench.study.prepare` sets the studies up without running them.
    """
    text = None if text is None else text_of(text)
    asked = tasks if isinstance(tasks, list | tuple) else [tasks]
    read = [task_of(task) for task in asked]
    known = text.languages if text else [code for task in read for code in task.languages]
    wanted = [pairs] if isinstance(pairs, str) else list(pairs)
    named = [read_pair(pair if isinstance(pair, str) else "-".join(pair), known) for pair in wanted]
    prepare(model, text, read, named, Path(folder), settings, progress, overwrite).run()
    return open_run(folder)


def open_run(folder: str | Path) -> Run:
    """Open the folder that `diagnose`, `Study.run`, `workbench fit`, `measure` or `demo` left.

    >>> import workbench as wb                                          # doctest: +SKIP
    >>> run = wb.open_run("runs/diagnose")                              # doctest: +SKIP
    >>> run.tables["similarity"], run.verdicts                          # doctest: +SKIP
    >>> run.study()                    # loads the model it was made with   # doctest: +SKIP
    """
    return Run.open(folder)
