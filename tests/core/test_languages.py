"""Every usual spelling of a language is one code; the script of a text is that of most of its letters."""

from pathlib import Path

import pytest

from workbench.core import languages
from workbench.core.errors import InputError
from workbench.core.languages import (
    NAMES,
    is_language,
    letters_by_script,
    main_script,
    name_of,
    names_language,
    script_of_letter,
)
from workbench.core.reading import language_of
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
        ("swz", "did you mean 'sw"),
        ("Swahili", "write 'sw' for Swahili"),
        ("Hiligaynon", "write 'hil' for Hiligaynon"),
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
    assert name_of("quc") == "K'iche'"
    assert name_of("cre") == "Cree"


TWO_LETTERS = set(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi
    mk ml mn mr ms mt my na nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa
    sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur
    uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)
SMALLER = """
aa aai ab acf acr agr ake alp amu av bba bbj bi bik bsn cak ce ch cha chm chk cni cr crs dav dje djk dop
efi ewo gil gur hil hmo ibo ify ii ik iso jac kal kbh kek kl kpg krl kv kwy lhu loz lu lun mah mam mh mhr
mrw mwm nan nav ndc ng niu nv nzi oj pau pck pi pis plw pon quc quw rar rmy srn ssx swg tdx tiv tmh toj
tpm tsz tvl tzh tzo udu usp vo wa wal wln wls xav yap yua za zap zne
""".split()


@pytest.mark.parametrize("code", SMALLER)
def test_smaller_languages_are_known(code: str) -> None:
    known = canonical(code)
    assert canonical(known) == known and name_of(known) != known


def published() -> dict[str, tuple[str, str, list[str]]]:
    lines = (Path(languages.__file__).parent / "languages.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {code: (script, name, others.split(",")) for code, script, others, name in rows}


def test_every_code_of_iso_639_has_one_canonical_code_and_a_name() -> None:
    rows = published()
    assert len(rows) > 7500
    for code, (script, name, others) in rows.items():
        assert canonical(code) == code
        for other in others:
            assert other == "-" or canonical(other) == code
        if name != "-":
            assert name_of(code) == name
            usual = "Latn" if script == "-" else script
            assert canonical(f"{code}_{usual}") == code and canonical(f"{code}_Zxxx") == f"{code}-Zxxx"
    every = {*rows, *NAMES}
    assert {code for code in every if len(code) == 2} >= TWO_LETTERS


def test_codes_that_are_common_words_are_languages_only_where_nothing_else_is_meant() -> None:
    assert canonical("src") == "src" and language_of("src") is None
    assert language_of("sentence_src_Latn") == "src" and language_of("quc") == "quc"
    assert not any(map(names_language, ["doc", "txt", "val", "key"]))
    assert all(map(names_language, languages._COMMON.codes)), "what counted before still does"


def test_a_text_s_script_is_that_of_most_letters():
    assert main_script("Привет, мир and") == "CYRILLIC"
    assert main_script("12 …") == main_script("") == ""


def test_of_equally_many_letters_the_first_script_in_the_alphabet_counts():
    assert main_script("天気がい") == "CJK" and main_script("абcd") == main_script("cdаб") == "CYRILLIC"


def test_letters_are_counted_by_script_and_all_else_is_not():
    assert letters_by_script("コーヒー 7 cafés!") == {"KATAKANA": 4, "LATIN": 5}
    assert script_of_letter("\ue000") == "", "private use has no name"
