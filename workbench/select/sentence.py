"""The verdict of a study in one sentence, with the numbers it rests on."""

from collections.abc import Mapping

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
    0.00; English −0.00 (non-inferior at 0.02)

    The gap stands there as a size only where its interval lies above 0; else with its interval, as no gap
    shown. `controls` are the gains of other aligners' own choices; `main` names the main language.
    """
    parts = [_what(verdict, choice)]
    if gap is not None:
        parts[0] += _of_gap(gap)
    if controls:
        parts.append(
            ", ".join(f"{name.replace('_', ' ')} {signed(c.estimate)}" for name, c in controls.items())
        )
    if retention is not None and choice.layer is not None:
        shown = "non-inferior" if retention.holds else "not shown to be non-inferior"
        parts.append(f"{main} {_loss(retention.interval.estimate)} ({shown} at {retention.margin:g})")
    return f"{verdict.headline}: {'; '.join(parts)}"


def signed(value: float) -> str:
    """Two digits and a sign; none where they are zeros.

    >>> signed(0.314), signed(-0.25), signed(-0.001)
    ('+0.31', '−0.25', '0.00')
    """
    return "0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")


def _what(verdict: Verdict, choice: Choice) -> str:
    if choice.layer is None:
        return f"dev prefers no patch to any with {_method(choice)}: 0.00"
    gain = verdict.gain
    return (
        f"patch {_where(choice)} with {_method(choice)} at {choice.strength:g}: {signed(gain.estimate)} "
        f"[{_plain(gain.low)}, {_plain(gain.high)}]"
    )


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
        return f" of a gap of {_plain(gap.estimate)}"
    return f", no gap shown ({signed(gap.estimate)} [{_plain(gap.low)}, {_plain(gap.high)}])"


def _method(choice: Choice) -> str:
    return choice.aligner.replace("_", " ")


def _plain(value: float) -> str:
    return signed(value).removeprefix("+")


def _loss(value: float) -> str:
    """What is lost keeps its sign, small as it may be; what is unchanged has none."""
    return "0.00" if value == 0 else f"{value:+.2f}".replace("-", "−")
