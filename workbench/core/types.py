"""Types: sites in a model, names that settings may have, the progress callback.

Axes, used in every shape in this package:

    layer    a block of the model, 0 … n_layers − 1 (of one component)
    sent     a sentence, in the order of the text it came from
    batch    a sentence inside one forward pass
    pos      a token position
    d_model  the width of the residual stream (`width` where a component has its own)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from workbench.core.errors import InputError, SiteError, WorkbenchError, did_you_mean, quoted

Component = Literal["embed", "resid_pre", "resid_post", "attn_out", "mlp_out", "mlp_act", "head_out"]
"""The state that is read at a site:

    embed       the token embedding alone, before positions are added (it has no layer)
    resid_pre   the residual stream entering a block
    resid_post  the residual stream leaving a block
    attn_out    what attention adds to the stream (after its own norm, where there is one)
    mlp_out     what the feed-forward part adds to the stream (after its own norm)
    mlp_act     feed-forward activations, just before they are projected down
    head_out    attention heads' outputs side by side, just before they are projected out
"""

COMPONENTS: tuple[str, ...] = get_args(Component)

Positions = Literal["last", "prompt", "all"]
"""Which tokens are changed:

    last    each row's last prompt token
    prompt  all tokens of the prompt
    all     these and all that follow: the choices that are scored, the tokens that are generated
"""

POSITIONS: tuple[str, ...] = get_args(Positions)

JOINT = ("cascade", "from_clean")
"""How several layers are patched at once: each patch sees those below it, or all see an unpatched run."""

Normalisation = Literal["plain", "per_token", "per_character"]
ComparedBy = Literal[Normalisation, "prototype"]
"""Score of choices: log-likelihood, or the distance of the prompt's state from each class."""

CHOICES_BY: tuple[str, ...] = get_args(ComparedBy)


@dataclass(frozen=True, order=True)
class Site:
    """A place in a model: a component of a layer.

    >>> Site.parse("resid_post.3")
    Site(layer=3, component='resid_post')
    >>> str(Site(0, "embed"))
    'embed'
    """

    layer: int
    component: Component = "resid_post"

    def __post_init__(self) -> None:
        check_name(self.component, COMPONENTS, "component", SiteError)
        if self.layer < 0 or (self.component == "embed" and self.layer != 0):
            raise SiteError(f"no layer {self.layer} of {self.component}: layers count from 0")

    def __str__(self) -> str:
        return "embed" if self.component == "embed" else f"{self.component}.{self.layer}"

    @property
    def columns(self) -> dict[str, str | int | None]:
        """Its columns in a table; the embedding has no layer."""
        return {"site": str(self), "layer": None if self.component == "embed" else self.layer}

    @classmethod
    def parse(cls, text: "str | Site") -> "Site":
        """Read `component.layer` (or `embed`); a site is returned as it is."""
        if isinstance(text, Site):
            return text
        component, _, layer = text.partition(".")
        number = layer.isascii() and layer.isdigit() and len(layer) < 10
        if not number and (component != "embed" or layer):
            raise SiteError(f"not a site: {text!r}; write component.layer, such as resid_post.3")
        return cls(int(layer or 0), component)  # type: ignore[arg-type]


def expand_sites(sites: "str | Site | Iterable[str | Site]", n_layers: int) -> tuple[Site, ...]:
    """All the sites meant, in order: a bare component name means every layer of it.

    >>> [str(site) for site in expand_sites(["embed", "resid_post"], 2)]
    ['embed', 'resid_post.0', 'resid_post.1']
    """
    chosen: list[Site] = []
    for site in [sites] if isinstance(sites, str | Site) else sites:
        if isinstance(site, str) and site in COMPONENTS and site != "embed":
            chosen += [Site(layer, site) for layer in range(n_layers)]  # type: ignore[arg-type]
        elif isinstance(site, str) and "." not in site and site != "embed":
            check_name(site, COMPONENTS, "component", SiteError)
        else:
            chosen.append(Site.parse(site))
    for site in chosen:
        if site.layer >= n_layers:
            raise SiteError(f"no site {site}: the model has layers 0 … {n_layers - 1}")
    return tuple(dict.fromkeys(chosen))


def check_name(name: str, known: Iterable[str], what: str, error: type[WorkbenchError] = InputError) -> None:
    """Refuse a name that is not among the known ones; `what` says what it names.

    >>> check_name("ridge", ["ridge", "identity"], "aligner")
    """
    known = list(known)
    if name not in known:
        raise error(f"unknown {what} {quoted(name)}: {did_you_mean(str(name), known)}")


def check_names(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """The same of each of several names."""
    known = list(known)
    for name in names:
        check_name(name, known, what)


Progress = Callable[[str, int, int], None]
"""`progress(what, done, total)`; called from the working thread, so keep it short."""


def silent(what: str, done: int, total: int) -> None:
    """Say nothing."""
