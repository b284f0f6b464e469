"""Verification measures every language and task, and reports on test facts alone."""

from dataclasses import replace

import pytest
from organism_models import FAR, MAIN, NEAR, TINY, tiny_organism

from workbench.analyses.organism import verify as room
from workbench.analyses.organism.verify import LADDER, Verification, verify
from workbench.core.errors import InputError
from workbench.measures import METRICS
from workbench.models import load_model
from workbench.organism.config import LanguageConfig
from workbench.organism.texts import TASKS, Items
from workbench.sweeps import CLEAN

COUNT, PROMPTS = 12, 10


@pytest.fixture(scope="module")
def model():
    return load_model(tiny_organism().folder)


@pytest.fixture(scope="module")
def spied(model, tmp_path_factory):
    """A verification, with the examples whose accuracy it took and the texts its maps were fitted on."""
    examples, texts, ticks = [], [], []

    class Spy(room.Study):
        def __post_init__(self):
            super().__post_init__()
            texts.append(self.text)

    sweep = room.sweep

    def watched(model, some, *args, **kwargs):
        examples.extend(some)
        return sweep(model, some, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "Study", Spy)
        patch.setattr(room, "sweep", watched)
        found = verify(
            model,
            TINY,
            tmp_path_factory.mktemp("verify"),
            count=COUNT,
            prompts=PROMPTS,
            progress=lambda what, done, total: ticks.append((done, total)),
        )
    return found, examples, texts, ticks


@pytest.fixture(scope="module")
def found(spied):
    return spied[0]


def facts(split):
    return {"-".join(map(str, fact)) for fact in Items(TINY).world.split(split).tolist()}


def test_every_task_is_asked_in_every_language_but_translation_of_the_main_one(found):
    assert list(found.accuracy) == list(TASKS)
    for name, languages in found.accuracy.items():
        assert list(languages) == ([NEAR, FAR] if name == "translation" else [MAIN, NEAR, FAR])
        assert {interval.n for interval in languages.values()} == {COUNT}
    assert (found.config.main.code, found.n_layers) == (MAIN, 3)
    assert found.shared_tokens[MAIN] == 1 and found.shared_tokens[FAR] == 0 < found.shared_tokens[NEAR]


def test_every_other_language_is_patched_into_the_main_one(found):
    assert list(found.studies) == [NEAR, FAR]
    for language, study in found.studies.items():
        assert (study.source, study.target, study.task) == (language, MAIN, "organism-exact")
        assert study.n == {"fit": PROMPTS, "held_out": PROMPTS, "dev": TINY.dev, "test": COUNT}
        assert [o.choice.aligner for o in (study.headline, *study.others)] == list(LADDER.aligners)
        for metric in METRICS:
            curve = found.curve(language, metric)
            assert list(curve.index) == ["embed", *(f"resid_post.{layer}" for layer in range(3))]


def test_progress_ends_where_it_said(spied):
    ticks = spied[3]
    assert ticks == [(done, len(TASKS) + 2) for done in range(len(TASKS) + 3)]


def test_accuracies_are_of_test_facts_alone(spied):
    _, examples, _, _ = spied
    assert len(examples) == COUNT * (3 * len(TASKS) - 1)
    assert {e.split for e in examples} == {"test"}
    assert {e.group for e in examples} <= facts("test")


def test_what_is_fitted_chosen_and_reported_shares_no_fact(spied):
    found, _, texts, _ = spied
    for text, (language, study) in zip(texts, found.studies.items(), strict=True):
        assert list(text.languages) == [language, MAIN] and len(text) == 2 * PROMPTS
        fit = Items(TINY).task("exact").examples(language, "fit")
        assert set(text[language]) <= {e.prompt for e in fit}
        sweep = study.tables["sweep"]
        assert set(sweep.split) == {"dev", "test"}
        assert set(sweep[sweep.split == "dev"].group) == facts("dev")
        assert set(sweep[sweep.split == "test"].group) <= facts("test")
        clean = sweep[(sweep.split == "test") & (sweep.aligner == CLEAN) & (sweep.language == language)]
        assert study.baseline.estimate == pytest.approx(clean.correct.mean()) and len(clean) == COUNT
        # The ladder starts from the accuracy that is reported beside it.
        assert study.baseline == found.accuracy["exact"][language]
        assert study.target_accuracy == found.accuracy["exact"][MAIN]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"count": 21}, "21 test items wanted, but the world keeps 20"),
        ({"count": 0}, "0 test items wanted"),
        ({"prompts": 21}, "keeps 40 facts for fitting: at least 42"),
    ],
)
def test_more_than_the_world_has_is_refused(model, tmp_path, wanted, says):
    with pytest.raises(InputError, match=says):
        verify(model, TINY, tmp_path, **({"count": COUNT, "prompts": PROMPTS} | wanted))


@pytest.mark.parametrize(
    ("resources", "poorest"),
    [((0.4, 0.3, 0.3), ["x-b", "x-c"]), ((0.5, 0.3, 0.2), ["x-c"]), ((0.2, 0.4, 0.4), ["x-b", "x-c"])],
)
def test_the_poorest_are_all_that_were_read_least_but_never_the_main_one(resources, poorest):
    codes = ("x-a", "x-b", "x-c")
    languages = tuple(LanguageConfig(code, r) for code, r in zip(codes, resources, strict=True))
    found = Verification(replace(TINY, languages=languages), "tiny", 3, {}, {}, {})
    assert found.poorest == poorest
