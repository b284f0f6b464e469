"""Say what a capture would cost before it runs: sentences, tokens, passes, disk, memory and time.

A model that is at hand is loaded and two batches are timed; of one that is not, the configuration
is enough (--no-probe keeps to the configuration in any case).
"""

import argparse
import sys

from workbench.cli.options import (
    add_capture_options,
    add_model_options,
    add_text_options,
    load,
    read_text,
    site_names,
)
from workbench.cli.show import console, duration, size
from workbench.errors import ModelError

HELP = "what a capture would cost, before it runs"
EXAMPLE = "workbench plan bigscience/bloomz-560m --text ntrex128 --languages sw,en"

_WIDTHS = {"float32": 4, "fp32": 4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_model_options(parser)
    add_text_options(parser)
    add_capture_options(parser)
    parser.add_argument("--no-probe", action="store_true", help="do not load the model and time it")


def run(options: argparse.Namespace) -> int:
    """Print the bill."""
    from workbench.capture.plan import plan_capture
    from workbench.models.outline import outline

    text = read_text(options)
    shape = outline(options.model, revision=options.revision, trust_remote_code=options.trust_remote_code)
    model, why_not = None, "--no-probe"
    if not options.no_probe:
        try:
            model = load(options)
        except ModelError as error:
            why_not = str(error)
    on_gpu = model is not None and model.device.type != "cpu"
    plan = plan_capture(
        shape,
        text,
        sites=site_names(options),
        pool=options.pool,
        template=options.template,
        batch_tokens=options.batch_tokens or (8192 if on_gpu else 1024),
        bytes_per_number=_width(options.model_dtype, model),
        model=model,
    )
    about = "about " if plan.tokens_are_estimated else ""
    bill = [
        ("model", f"{shape.name} ({shape.architecture}, {shape.n_layers} layers × {shape.d_model})"),
        ("parameters", f"{shape.parameters / 1e6:,.1f} million"),
        ("sentences", f"{plan.sentences:,} × {plan.languages} languages"),
        ("tokens", f"{about}{plan.tokens:,} ({plan.padded_tokens:,} with padding)"),
        ("forward passes", f"{plan.forward_passes:,}"),
        ("disk", size(plan.disk_bytes)),
        ("memory", f"about {size(plan.peak_bytes)} (weights {size(plan.weight_bytes)})"),
        ("arithmetic", f"{plan.flops / 1e12:,.2f} TFLOP"),
        ("time", "not measured" if plan.seconds is None else f"about {duration(plan.seconds)}"),
    ]
    if plan.too_long:
        bill.insert(3, ("left out", f"{plan.too_long:,} rows too long for the model (capture --drop-long)"))
    for what, cost in bill:
        console.print(f"{what:<15} {cost}")
    if plan.seconds is None:
        print(f"no timing: {' '.join(why_not.split())}", file=sys.stderr)
    return 0


def _width(dtype: str | None, model: object) -> int:
    """Bytes a weight takes; a GPU holds weights as the checkpoint does, two bytes as a rule."""
    if dtype is not None:
        return _WIDTHS.get(dtype, 2)
    info = getattr(model, "info", None)
    return 4 if info is None or info.dtype == "torch.float32" else 2
