"""The verdict of a study in one sentence, with the numbers it rests on."""

from collections.abc import Mapping

from workbench.numbers import estimated, plain, signed
from workbench.select.choice import Choice
from workbench.select.verdict import Verdict
from workbench.stats import Interval, MarginTest


def verdict_sentence(
    verdict: Verdict,
    choice: Choice,
    gap: Interval | None = None,
    controls: Mapping[str, Interval] | None = None,
    retention: MarginTest | None = None,
    main: str = "main language",
) -> str:
    """Kind first, then what is patched and what it brings, of which gap, beside its controls, at what cost.

    helps: patch layer 5 with ridge at 0.8: +0.31 [0.24, 0.38] of a gap of 0.62; mean shift +0.12, identity
    0.00; English −0.01 (non-inferior at 0.02)

    The gap stands there as a size only where its interval lies above 0; else with its interval, as no gap
    shown. `controls` are the gains of other aligners' own choices; `main` names the main language.
    """
    parts = [_what(verdict, choice)]
    if gap is not None:
        parts[0] += _of_gap(gap)
    if controls:
        parts.append(
            ", ".join(f"{name.replace('_', ' ')} {signed(c.estimate, 2)}" for name, c in controls.items())
        )
    if retention is not None and choice.layer is not None:
        shown = "non-inferior" if retention.holds else "not shown to be non-inferior"
        parts.append(f"{main} {signed(retention.interval.estimate, 2)} ({shown} at {retention.margin:g})")
    return f"{verdict.headline}: {'; '.join(parts)}"


def _what(verdict: Verdict, choice: Choice) -> str:
    if choice.layer is None:
        return f"dev prefers no patch to any with {_method(choice)}: 0.00"
    gain = verdict.gain
    return f"patch {_where(choice)} with {_method(choice)} at {choice.strength:g}: {estimated(gain, 2)}"


def _where(choice: Choice) -> str:
    site, joint = str(choice.also.get("site", "")), choice.also.get("joint", "one")
    component, _, layers = site.partition(".")
    if joint != "one":
        words = (
            f"layers {layers} jointly ({joint.replace('_', ' ')})"
            if "+" not in site
            else f"{site} jointly ({joint})"
        )
    else:
        words = f"layer {choice.layer}"
    words += f" ({component})" if component not in ("", "resid_post") and "+" not in site else ""
    positions = choice.also.get("positions", "last")
    return words if positions == "last" else f"{words} at {positions} tokens"


def _of_gap(gap: Interval) -> str:
    if gap.low > 0:
        return f" of a gap of {plain(gap.estimate, 2)}"
    return f", no gap shown ({estimated(gap, 2)})"


def _method(choice: Choice) -> str:
    return choice.aligner.replace("_", " ")
