"""The commands: what runs each, its help and its options. Nothing heavy is imported until one runs."""

from pathlib import Path

from workbench.cli.options import (
    BACKEND,
    FORMAT,
    INPUTS,
    LANGUAGES,
    LOADING,
    MODEL,
    OVERWRITE,
    STATES,
    TEXT,
    TEXT_SPLIT,
    Command,
    Options,
    run_options,
    settings_options,
    study_options,
)
from workbench.cli.run_commands import RUN_COMMANDS

EXPORTS = ("transformers", "numpy", "steering-vectors", "gguf", "easysteer", "lm-eval")
_FOLDER = {"folder FOLDER?": "a trained model (default: the bundled one)"}
_THREADS = {"--threads N": ("CPU threads", 1)}
_PROMPTS = {"--prompts N": ("sentences for fitting a map", 500)}
_STUDY = {
    **_FOLDER,
    "--prompts N": ("parallel sentences, most for fitting", 600),
    "--dev N": ("dev items for selection", 300),
    "--items N": ("test items", 1000),
    **_THREADS,
}


def _out(name: str) -> Options:
    return {"--out FOLDER": ("folder", Path("runs") / name)}


_ORGANISM: dict[str, tuple[str, Options]] = {
    "new": (
        "Write a config file in which every setting is explained.",
        {"config CONFIG": {"type": Path, "help": "file to write, such as world.toml"}},
    ),
    "train": (
        "Train the model of a config; the same config gives the same model; resumable after Ctrl-C.",
        {
            "config CONFIG": {"type": Path, "help": "a file that `new` wrote"},
            **_out("organism"),
            "--seed N": "seed in place of the config's own",
            "--threads N": ("CPU threads (default: 1; other values change rounding)", 1),
        },
    ),
    "verify": (
        "Measure a trained model on fresh test items; exit code 1 when an expected property fails.",
        {
            **_FOLDER,
            "--items N": ("test items per language and task", 2000),
            **_PROMPTS,
            "--seed N": ("seed of the test items", 1),
            **_out("verify"),
            **_THREADS,
        },
    ),
    "peaks": (
        "Test whether similarity peaks where patching helps.",
        {**_FOLDER, **_PROMPTS, "--items N": ("dev items to patch", 400), **_out("peaks"), **_THREADS},
    ),
    "verdicts": ("Diagnose every pair and task, next to the ground truth.", {**_STUDY, **_out("verdicts")}),
    "incline": (
        "Compare INCLINE's paper with its released code.",
        {**_STUDY, **_out("incline"), "--source LANG": ("language", "x-poor-far")},
    ),
}

_OWN = {
    "capture": Command(
        "workbench.cli.capture:run_capture",
        """Run parallel sentences through a model and store the states of every layer.

        Stored states are reused; an interrupted capture resumes.
        """,
        help="store the states of parallel sentences at every layer",
        example="workbench capture bigscience/bloomz-560m --text data/ntrex "
        "--languages sw,en --store runs/sw",
        options={
            **MODEL,
            "--positions POSITIONS": "tokens to pool: all, content (no special tokens) or sentence",
            "--dtype DTYPE": ("dtype of the stored states", "float32"),
            "--store FOLDER": "folder for the states (default: the user's cache)",
        },
        groups={**LOADING, **TEXT, **STATES},
    ),
    "claims": Command(
        "workbench.cli.claims:run",
        """Test published claims about mapping between languages on one model.

        Each claim is a hypothesis with a decision rule fixed in advance. The verdict is supported, not
        supported or, where the data show neither, not decidable. RUN is the folder of a run, whose model,
        sentences, task and pairs are used, or `organism`. Finished work in the folder is reused.
        """,
        help="test published claims on the model of a run",
        example="""workbench claims organism
  workbench claims runs/diagnose --only mid_to_high_layers,few_pairs""",
        options={**run_options("runs/claims"), "--only A,B": "claims to test (default: all)"},
        groups={
            "known properties of languages": {
                "--resources FILE": "TSV: language, amount of its training text",
                "--distances FILE": "TSV: language, distance from the target language",
                "--band A,B": (
                    "layers that count as mid-to-high (default: 0.6,0.75 of the depth)",
                    "0.6,0.75",
                ),
            },
            "the organism without a run": {
                "--dev N": ("dev items", 300),
                "--test N": ("test items", 1000),
                "--prompts N": ("sentences for fitting and measuring", 1000),
            },
        },
    ),
    "compare": Command(
        "workbench.cli.methods:run_compare",
        """Compare baselines and published interventions on the task and pairs of a run.

        The methods are direct prompting, translation, prompt search, few-shot prompting, fine-tuning and
        the interventions of `workbench recipes`. Each is chosen on dev items, written to a
        file, and scored once on the same test items, with its controls, its cost and its effect on the
        target language. Recipes are also combined with few-shot prompting and fine-tuning.

        RUN is the folder of a run, whose model, sentences, task and pairs are used, or `organism`.
        """,
        help="compare baselines and published interventions on the task of a run",
        example="""workbench compare organism --pairs x-poor-far-x-main
  workbench compare runs/diagnose --methods shots_own,translate_self,incline_paper""",
        options=run_options("runs/compare"),
        groups={
            "methods": {
                "--methods A,B": "baselines and recipes (default: all; workbench recipes lists them)",
                "--no-training": "leave out methods that train the model",
                "--combine A,B": "baselines to combine recipes with (default: "
                "shots_main,shots_own,lora_few,lora)",
                "--on-top A,B": "recipes to combine with them (default: the best on dev)",
            },
            "prompts": {
                "--shots N,…": "numbers of shots to select from (default: 1,2,4)",
                "--seeds N": "random samples of shots to select from (default: 3)",
                "--translations FILE": "table with columns id and prompt (in the target language)",
                "--templates FILE": "prompt templates to search, one per line, each with {prompt}",
            },
        },
    ),
    "data": Command(
        "workbench.cli.catalogues:data",
        """List the corpora and benchmarks that can be read: licence, languages, size, revision and home.

        With NAME: what to download, where to put it and how to read it; --fetch downloads it.
        """,
        help="corpora and benchmarks: licences, where to get them, how to read them",
        example="""workbench data
  workbench data xcopa
  workbench data xcopa --fetch""",
        options={
            "name NAME?": "name of an entry (default: list all)",
            "--fetch": "download its files over https and verify checksums",
            "--to FOLDER": "download folder (default: data/NAME)",
        },
    ),
    "demo": Command(
        "workbench.cli.demo:run",
        """
        Run all steps on the bundled organism, a small model of invented languages; needs no network or GPU.

        For each language and task: capture states in both languages, fit a map per layer, measure
        similarity, patch every layer, choose a layer on dev items and score it once on test items, with
        controls. Writes tables, a report and figures. Finished steps are reused.
        """,
        help="run the main steps on the bundled model, in about a minute",
        example="workbench demo --out runs/demo",
        options={
            "--source SOURCE": "one source language (default: all five)",
            "--out FOLDER": ("folder", Path("runs/demo")),
            **BACKEND,
            "--threads N": ("CPU threads (default: 1, the fastest for so small a model)", 1),
            **OVERWRITE,
        },
    ),
    "diagnose": Command(
        "workbench.cli.diagnose:run",
        """Test at which layer, and whether, mapping one language onto another improves a task.

        Steps: check the sentences, capture states, fit maps and controls, patch every layer on dev items,
        choose aligner, layer, patch type and strength there, and score the choice once on test items. An
        interrupted run resumes when the same command is given again.
        """,
        help="test whether mapping one language onto another improves a task; resumable",
        example="workbench diagnose bigscience/bloomz-560m --pair sw-en --text data/ntrex "
        "--task xcopa:data/xcopa\n  workbench diagnose organism --pair x-poor-far-x-main --quick",
        options={
            **study_options("runs/diagnose"),
            "--anyway": "continue a study even if its gap is shown to be below --delta-gap",
        },
        groups={
            **INPUTS,
            "task": {
                "--task NAME[:PATH],…": "tasks, such as xcopa:folder or items.tsv (default with the "
                "organism: exact)",
                "--prompts en|item|FILE": "prompts: en, item (the language of the item) or a TOML file of "
                "templates (default: item for xcopa, else en)",
                "--chat": "wrap prompts in the model's chat template",
                "--shots N": ("solved examples before each item", 0),
                "--dev N": "maximum number of dev items (default: all)",
                "--test N": "maximum number of test items (default: all)",
            },
            "aligners and patches": {
                **settings_options(
                    *"aligners headline interventions strengths choices_by joint positions".split()
                ),
                "--fit-on": {
                    "choices": ("sentences", "prompts"),
                    "default": "sentences",
                    "help": "fit maps on the parallel text (default) or on the task's fit prompts",
                },
                "--quick": "only ridge, mean shift and shuffled pairs, at three strengths",
                **settings_options(
                    *"rows delta delta_gap budget whole_grid refits batch_size allow_naive".split()
                ),
            },
        },
        configurable=True,
    ),
    "doctor": Command(
        "workbench.cli.doctor:run",
        """
        Check parallel data for errors: shifted, scrambled, duplicated or copied rows, wrong scripts, overlap.

        FILES are parallel texts, each checked separately (give files of one text once, by their common
        prefix or as a.sw,b.en), or one-language files of a benchmark (val.sw.jsonl val.th.jsonl …), whose
        labels are compared. The exit code is 1 if there is an alarm, else 0.
        """,
        help="check parallel data for errors, with row numbers and repairs",
        example="workbench doctor tatoeba.swh-eng --against benchmark.tsv",
        options={
            "files FILES+": "parallel text: file, folder, prefix or name",
            **LANGUAGES,
            **FORMAT,
            **TEXT_SPLIT,
            "--against PATH": {
                "action": "append",
                "default": [],
                "help": "data that must not contain any of these sentences",
            },
            "--model MODEL": "also use the states of this model as evidence (name or directory)",
        },
    ),
    "export": Command(
        "workbench.cli.interop:run_export",
        """Write a saved patch in the format of another tool.

        PATCH is a `patch.safetensors` that diagnose wrote, or the folder of a study with one. A format that
        cannot hold all of the patch is refused with the reason.
        """,
        help="write a saved patch for transformers, llama.cpp and others",
        example="workbench export runs/x/patch.safetensors --to transformers --out exported",
        options={
            "patch PATCH": {"type": Path, "help": "the patch, or the folder of a study"},
            "--to FORMAT": {
                **{"required": True, "choices": list(EXPORTS)},
                "help": f"{', '.join(EXPORTS)}",
            },
            "--out FOLDER": {"type": Path, "required": True, "help": "folder of the files"},
            **OVERWRITE,
        },
    ),
    "fit": Command(
        "workbench.cli.alignments:fit",
        """
        Fit maps from one language's states to another's at every layer; evaluate them on held-out sentences.

        Controls are fitted as well: only the R² above that of the controls counts as evidence.
        """,
        help="fit a map per layer, with controls, and report held-out R²",
        example="workbench fit bigscience/bloomz-560m --text data/ntrex --pairs sw-en,de-en --out runs/fit",
        options={
            **study_options("runs/fit"),
            **settings_options("aligners"),
            "--curve": "learning curve over the number of sentence pairs (curve.parquet)",
            "--sizes N,…": "numbers of pairs in the curve (default: all, half, a quarter …)",
            "--draws N": ("random samples at each size of the curve", 5),
            "--save-maps": "also write the fitted maps",
        },
        groups=INPUTS,
    ),
    "generate": Command(
        "workbench.cli.methods:run_generate",
        """Generate text with a patched model and measure its language and repetition.

        The model continues beginnings of held-out source sentences: unpatched, with the study's choice and
        its controls, and with recipes (by default clas_bench, which steers the output language). A recipe's
        configuration is selected on one half of the beginnings; results are reported on the other half. The
        output language is predicted by an identifier trained on the study's sentences; its held-out
        accuracy is printed with the results.

        RUN is the folder of a run, whose model, sentences and pairs are used, or `organism`.
        """,
        help="generate text with a patched model: output language and repetition",
        example="""workbench generate organism
  workbench generate runs/diagnose --methods study,clas_bench --tokens 200 --prompts 100""",
        options={
            **run_options("runs/generate"),
            "--methods A,B": "study (its choice and controls) and recipes (default: study,clas_bench)",
            "--tokens N": "new tokens per text (default: 200, or the rest of the model's context)",
            "--prompts N": ("beginnings: half for selection, half for the results", 40),
        },
    ),
    "judge": Command(
        "workbench.cli.interop:run_judge",
        """Judge whether two runs of lm-evaluation-harness differ, item by item.

        BEFORE and AFTER are two files that its --log_samples wrote, or two folders of them, whose tasks are
        matched by name. Items are paired by the hash of their document. Each task gets the gain with a 95 %
        interval and a verdict: helps, harms, equivalent or undecided, corrected by Holm over the tasks.
        """,
        help="compare two runs of lm-evaluation-harness on the same items",
        example="""workbench judge base/samples_xcopa_sw.jsonl patched/samples_xcopa_sw.jsonl
  workbench judge results/base results/patched --metric acc_norm""",
        options={
            "before BEFORE": {"type": Path, "help": "samples of the first run: a file or a folder"},
            "after AFTER": {"type": Path, "help": "samples of the second run"},
            "--metric METRIC": "metric of the harness (default: acc, else exact_match, f1 or the first)",
            "--filter FILTER": "filter of the harness, where there are several, such as strict-match",
            "--group FIELD": "field of the documents whose items belong together, such as passage",
            "--common": "judge the items that both runs have, where they differ",
            **settings_options("delta"),
            "--flips FILE": "write the items that changed, as JSON lines",
            **OVERWRITE,
        },
    ),
    "lab": Command(
        "workbench.cli.figures:lab",
        """
        Open JupyterLab on the notebooks: introduction, own models, controls, figures, own components, claims,
        a real model.

        In a clone, the notebooks of the clone are opened. From an installed wheel they are first copied to
        a folder; existing files are never overwritten.
        """,
        help="open JupyterLab on the notebooks",
        example="workbench lab --notebooks notebooks",
        options={
            "--notebooks FOLDER": "folder to open; missing notebooks are copied into it "
            "(default: a clone's own, or else ./notebooks)",
            "--port N": "port (default: 8888, or the next free one)",
            "--no-browser": "print the address without opening a browser",
        },
    ),
    "lm-eval": Command(
        "workbench.cli.interop:run_lm_eval",
        """Run lm-evaluation-harness with a patched model.

        All arguments are those of `lm_eval run`. The model is `workbench` unless --model says otherwise: the
        harness's `hf` with `intervention=FILE` among its --model_args, a patch that diagnose wrote, applied
        at the last token of each context. `strength=A` replaces its strength.
        """,
        help="run lm-evaluation-harness with a patched model",
        example="""workbench lm-eval --tasks xcopa_sw --log_samples --output_path results/patched \\
    --model_args pretrained=MODEL,dtype=float32,intervention=runs/x/patch.safetensors""",
    ),
    "measure": Command(
        "workbench.cli.alignments:measure",
        """Measure the similarity of two languages' states at every layer, with intervals.

        Also reports confounds: correlations of each measure with length, fertility, shared tokens and script.
        """,
        help="similarity per layer, with intervals and confounds",
        example="workbench measure bigscience/bloomz-560m --text data/ntrex --pairs sw-en --out runs/measure",
        options={
            **study_options("runs/measure"),
            "--blocks N": ("blocks of the jackknife intervals of set-based measures; 0: none", 20),
            "--readings": "print how to interpret each measure",
        },
        groups={
            **INPUTS,
            "more tables": {
                "--null N": {"default": 0, "help": "null distribution from N random pairings (null.parquet)"},
                "--grid MEASURE?": {
                    "const": "cka_debiased",
                    "help": "compare all pairs of layers by this measure (default: cka_debiased) "
                    "(grid.parquet)",
                },
                "--feed-forward": "flatness, sparsity and rank correlation of feed-forward neurons "
                "(feed_forward.parquet)",
                "--task NAME[:PATH]": "distance of its dev prompts from the sentences used for fitting "
                "(mismatch.parquet)",
            },
        },
    ),
    "models": Command(
        "workbench.cli.catalogues:models",
        """Show which architectures work through which backend, as the test suite verifies them.

        With --check, make a tiny random model of each and verify it here and now, with the versions of
        TransformerLens, transformers and torch that are installed.
        """,
        help="supported architectures and backends",
        example="workbench models --check",
        options={"--check": "verify each of them now (half a minute)"},
    ),
    "organism": Command(
        "",
        "Create and evaluate an organism: invented languages with known ground truth, and a model of them.",
        help="invented languages with known ground truth, and a model of them",
        example="""workbench organism verify
  workbench organism new world.toml
  workbench organism train world.toml --out runs/world""",
        actions={
            name: Command(f"workbench.cli.organism:run_{name}", about, options=options)
            for name, (about, options) in _ORGANISM.items()
        },
    ),
    "plan": Command(
        "workbench.cli.capture:run_plan",
        """Estimate the cost of a capture: sentences, tokens, forward passes, disk, memory and time.

        With --task, also the cost of a diagnosis and the minimum detectable gain. The model is loaded (and
        downloaded if need be) and timed on two batches; with --no-probe, or if it cannot be loaded, only
        its config file is used.
        """,
        help="estimate the cost of a capture or diagnosis",
        example="workbench plan bigscience/bloomz-560m --text data/ntrex --languages sw,en "
        "--task xcopa:data/xcopa",
        options={**MODEL, "--no-probe": "do not download, load and time the model"},
        groups={
            **LOADING,
            **TEXT,
            **STATES,
            "diagnosis": {
                "--task NAME[:PATH]": "also estimate a sweep over the dev items of this task",
                "--source LANG": "language of the items (default: the first with items)",
                "--configurations N": "configurations in the sweep (default: as in diagnose, 30 per layer)",
            },
        },
    ),
    "recipes": Command(
        "workbench.cli.catalogues:recipes",
        """List the published interventions that are implemented as recipes.

        With NAME: its reference and formula, what is reproduced faithfully and what differs.
        """,
        help="list published interventions, what is reproduced and what differs",
        example="workbench recipes shifcon",
        options={"name NAME?": "a recipe (default: list all)"},
    ),
}

COMMANDS = dict(sorted({**_OWN, **RUN_COMMANDS}.items()))
