"""Every usual spelling of a language is one code."""

import pytest

from workbench.core.errors import InputError
from workbench.core.languages import NAMES, is_language, name_of
from workbench.text import canonical, same_language

FLORES_ALIASES = {
    "arb_Arab": "ar", "azj_Latn": "az", "als_Latn": "sq", "ayr_Latn": "ay", "ckb_Arab": "ckb",
    "cmn_Hans": "zh", "ekk_Latn": "et", "gaz_Latn": "om", "khk_Cyrl": "mn", "kmr_Latn": "ku",
    "knc_Arab": "kr-Arab", "lvs_Latn": "lv", "nob_Latn": "no", "nno_Latn": "nn", "npi_Deva": "ne",
    "ory_Orya": "or", "pbt_Arab": "ps", "pes_Arab": "fa", "plt_Latn": "mg", "swh_Latn": "sw",
    "uzn_Latn": "uz", "ydd_Hebr": "yi", "yue_Hant": "yue", "zho_Hant": "zh-Hant", "zsm_Latn": "ms",
    "arb_Latn": "ar-Latn", "kas_Deva": "ks-Deva", "taq_Tfng": "taq-Tfng", "min_Arab": "min-Arab",
}  # fmt: skip


@pytest.mark.parametrize("code", ["sw", "swa", "swh", "swh_Latn", "SWA", "sw-KE", "sw_TZ", " sw "])
def test_all_spellings_of_swahili_are_sw(code: str) -> None:
    assert canonical(code) == "sw"


@pytest.mark.parametrize(("code", "expected"), FLORES_ALIASES.items())
def test_flores_codes(code: str, expected: str) -> None:
    assert canonical(code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *[(code, "zh") for code in ("zho", "cmn", "chi", "zh-CN", "zho-CN", "zh-Hans-CN", "cmn_Hans")],
        *[(code, "zh-Hant") for code in ("zh-TW", "zho-TW", "zh-HK", "zh-Hant-TW", "cmn_Hant")],
        *[("srp-Latn", "sr-Latn"), ("srp-Cyrl", "sr"), ("por-BR", "pt-BR"), ("pt-PT", "pt")],
        *[("eng-US", "en"), ("eng-GB", "en-GB"), ("es-419", "es-419"), ("iw", "he"), ("ger", "de")],
    ],
)
def test_script_and_region_stay_where_they_distinguish(code: str, expected: str) -> None:
    assert canonical(code) == expected


def test_canonical_codes_stay_as_they_are() -> None:
    assert len(NAMES) >= 200
    for code in [*NAMES, *FLORES_ALIASES.values()]:
        assert canonical(code) == code


def test_invented_languages_are_private_codes() -> None:
    assert canonical("x-aru") == "x-aru"
    assert canonical("X-Aru") == "x-aru"
    assert name_of("x-aru") == "x-aru"
    assert not is_language("x-")
    assert not is_language("x")


def test_same_language() -> None:
    assert same_language("swa", "swh_Latn")
    assert not same_language("zh-Hans", "zh-TW")
    assert not same_language("sw", "so")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("swx", "did you mean 'sw"),
        ("Swahili", "write 'sw' for Swahili"),
        ("???", "ISO 639 code such as sw"),
        ("", "ISO 639"),
        ("qqq_Latn", "or x-qqq for an invented language"),
    ],
)
def test_unknown_codes_say_what_to_write(code: str, hint: str) -> None:
    with pytest.raises(InputError, match="unknown language") as caught:
        canonical(code)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_names() -> None:
    assert name_of("swh_Latn") == "Swahili"
    assert name_of("zho_Hant") == "Chinese (Hant)"
