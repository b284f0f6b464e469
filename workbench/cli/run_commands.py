"""The commands that read the folders of finished runs: what runs each, its help and its options."""

from pathlib import Path

from workbench.cli.options import OVERWRITE, Command

RUN_COMMANDS = {
    "diff": Command(
        "workbench.cli.runs:run_diff",
        """Compare two runs: inputs, versions, and for each study choice, gain, verdict and tables.

        Shows whether a run that was repeated on another machine, with other versions or another seed gives
        the same, and if not, how far numbers are apart. The exit code is 0 if inputs (model, settings,
        sentences, items) and results are the same, and 1 if they differ. Versions, threads, device and the
        place of the model are shown, and do not count. The verdict is that of each study for itself.
        """,
        help="compare two runs: inputs, choices, gains, verdicts and tables",
        example="workbench diff runs/here runs/there",
        options={
            "run_folder RUN": {"type": Path, "help": "folder of a run"},
            "other RUN2": {"type": Path, "help": "folder of the run to compare it with"},
        },
    ),
    "figures": Command(
        "workbench.cli.figures:figures",
        """Draw publication figures from the tables of a run; needs no model, torch or browser.

        Each kind becomes PDF, SVG and PNG without a title, its caption, a LaTeX and a Markdown table of the
        same numbers, and a manifest with the digests of the tables. Built again from the same tables, they
        are the same bytes.
        """,
        help="draw publication figures of a run: PDF, SVG, PNG, LaTeX and Markdown tables",
        example="""workbench figures runs/demo --preset acl
  workbench figures runs/bloomz runs/measured --only alignment --format pdf""",
        options={
            "runs RUN*": {"type": Path, "help": "folders of diagnose, demo, measure or fit, joined"},
            "--preset PRESET": ("acl (default), acl-wide, neurips, slide or notebook", "acl"),
            "--format FORMAT": "formats, separated by commas (default: pdf,svg,png; of the gallery: png)",
            "--dpi N": "of PNG files (default: the preset's; of the gallery: 130)",
            "--only KIND": "one kind (default: all kinds the tables allow)",
            "--titled": "put title and notes into the pictures, for slides",
            "--controls": "layers: also the controls",
            "--depth": "label layers by relative depth, from 0 to 1: one axis for several models",
            "--measures NAMES": "alignment: these measures, separated by commas (default: three)",
            "--top N": "comparison: so many methods (default: 10)",
            "--out FOLDER": "folder (default: figures/NAME_OF_RUN)",
            **OVERWRITE,
            "--gallery": "run the organism into runs/gallery, then draw it into figures/gallery (minutes)",
        },
    ),
    "merge": Command(
        "workbench.cli.runs:run_merge",
        """Merge runs of other pairs and tasks, such as from several machines, into one run.

        The runs must have the same model, settings, sentences and items; else the conflict is named, and
        nothing is written. A study that several runs have must have the same results in each, and is taken
        once. Verdicts are Holm-corrected over all studies, and the report is written. The tables are those
        that one `diagnose` of all pairs and tasks gives. Results of compare, claims and generate are not
        merged.

        Runs of several models or seeds cannot be one run: give them to `figures` or `report` together.
        """,
        help="merge runs of one model, made on several machines, into one",
        example="workbench merge runs/sw-en runs/th-en runs/tr-en --out runs/all",
        options={
            "runs RUN+": {"type": Path, "help": "folders of diagnose or demo"},
            "--out FOLDER": {"type": Path, "required": True, "help": "folder of the merged run"},
            "--overwrite": "replace the run in the output folder",
        },
    ),
    "report": Command(
        "workbench.cli.figures:report",
        """Write the report of a run: one HTML file that works offline.

        RUN is the folder of a run, as written by diagnose, demo, fit or measure. With RUN2, two runs stand
        side by side (two models, two seeds, before and after), with the differences of their gains.
        """,
        help="write an HTML report of a run: layers, verdicts, evidence, items",
        example="workbench report runs/diagnose",
        options={
            "run_folder RUN": {"type": Path, "help": "folder of a run"},
            "other RUN2?": {"type": Path, "help": "folder of a second run, to be shown beside it"},
            "--out FILE": "default: RUN/report.html; of two runs RUN/report-with-RUN2.html",
            **OVERWRITE,
        },
    ),
}
