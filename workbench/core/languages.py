"""Language codes: normalises every usual form of a language code.

The code is ISO 639-1 where there is one (`sw`), else ISO 639-3 (`ckb`); a script or a region is kept
only where it distinguishes what is written (`zh-Hant`, `sr-Latn`, `pt-BR`). Codes that start with `x-`
are private: invented languages, which are taken as they are.

The table below holds the languages of common data sets, with this project's own rules. All other codes of
ISO 639-1 and 639-3 are read from `languages.tsv`, beside this file, when the first of them is asked for.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from workbench.core.errors import InputError, did_you_mean, quoted

# One language a line: code, its usual script, the other codes it goes by (ISO 639-3, the standard
# member of a macrolanguage, ISO 639-2/B and withdrawn codes), English name. A member of a macrolanguage
# that is written differently from its standard (`arz`, `ckb`) is a language of its own.
_TABLE = """
ace Latn - Acehnese
acm Arab - Mesopotamian Arabic
acq Arab - Ta'izzi-Adeni Arabic
aeb Arab - Tunisian Arabic
af Latn afr Afrikaans
ajp Arab - South Levantine Arabic
ak Latn aka Akan
am Ethi amh Amharic
an Latn arg Aragonese
apc Arab - North Levantine Arabic
ar Arab ara,arb Arabic
ars Arab - Najdi Arabic
ary Arab - Moroccan Arabic
arz Arab - Egyptian Arabic
as Beng asm Assamese
ast Latn - Asturian
awa Deva - Awadhi
ay Latn aym,ayr Aymara
az Latn aze,azj Azerbaijani
azb Arab - South Azerbaijani
ba Cyrl bak Bashkir
ban Latn - Balinese
be Cyrl bel Belarusian
bem Latn - Bemba
bg Cyrl bul Bulgarian
bho Deva - Bhojpuri
bjn Latn - Banjar
bm Latn bam Bambara
bn Beng ben Bengali
bo Tibt bod,tib Tibetan
br Latn bre Breton
brx Deva - Bodo
bs Latn bos Bosnian
bug Latn - Buginese
ca Latn cat Catalan
ceb Latn - Cebuano
chr Cher - Cherokee
cjk Latn - Chokwe
ckb Arab - Central Kurdish
co Latn cos Corsican
crh Latn - Crimean Tatar
cs Latn ces,cze Czech
cv Cyrl chv Chuvash
cy Latn cym,wel Welsh
da Latn dan Danish
dar Cyrl - Dargwa
de Latn deu,ger German
dgo Deva - Dogri
dik Latn din Southwestern Dinka
dsb Latn - Lower Sorbian
dv Thaa div Divehi
dyu Latn - Dyula
dz Tibt dzo Dzongkha
ee Latn ewe Ewe
el Grek ell,gre Greek
en Latn eng English
eo Latn epo Esperanto
es Latn spa Spanish
et Latn est,ekk Estonian
eu Latn eus,baq Basque
fa Arab fas,pes,per Persian
ff Latn ful,fuv Fulfulde
fi Latn fin Finnish
fj Latn fij Fijian
fo Latn fao Faroese
fon Latn - Fon
fr Latn fra,fre French
fuc Latn - Pulaar
fur Latn - Friulian
fy Latn fry West Frisian
ga Latn gle Irish
gd Latn gla Scottish Gaelic
gl Latn glg Galician
gn Latn grn,gug Guarani
gom Deva - Goan Konkani
grc Grek - Ancient Greek
gsw Latn - Swiss German
gu Gujr guj Gujarati
gv Latn glv Manx
ha Latn hau Hausa
haw Latn - Hawaiian
he Hebr heb,iw Hebrew
hi Deva hin Hindi
hmn Latn - Hmong
hne Deva - Chhattisgarhi
hr Latn hrv Croatian
hsb Latn - Upper Sorbian
ht Latn hat Haitian Creole
hu Latn hun Hungarian
hy Armn hye,arm Armenian
ia Latn ina Interlingua
id Latn ind,in Indonesian
ig Latn ibo Igbo
ilo Latn - Ilocano
is Latn isl,ice Icelandic
it Latn ita Italian
iu Cans iku,ike Inuktitut
ja Jpan jpn Japanese
jv Latn jav Javanese
ka Geor kat,geo Georgian
kaa Latn - Karakalpak
kab Latn - Kabyle
kac Latn - Jingpho
kam Latn - Kamba
kbp Latn - Kabiyè
kea Latn - Kabuverdianu
kg Latn kon,kng Kikongo
ki Latn kik Kikuyu
kk Cyrl kaz Kazakh
km Khmr khm Khmer
kmb Latn - Kimbundu
kn Knda kan Kannada
ko Hang kor Korean
kok Deva - Konkani
kr Latn kau,knc Kanuri
ks Arab kas Kashmiri
ku Latn kur,kmr Kurdish
kw Latn cor Cornish
ky Cyrl kir Kyrgyz
la Latn lat Latin
lb Latn ltz Luxembourgish
lg Latn lug Ganda
li Latn lim Limburgish
lij Latn - Ligurian
lld Latn - Ladin
lmo Latn - Lombard
ln Latn lin Lingala
lo Laoo lao Lao
lt Latn lit Lithuanian
ltg Latn - Latgalian
lua Latn - Luba-Kasai
luo Latn - Luo
lus Latn - Mizo
lv Latn lav,lvs Latvian
mag Deva - Magahi
mai Deva - Maithili
mey Arab - Hassaniyya
mg Latn mlg,plt Malagasy
mhr Cyrl - Meadow Mari
mi Latn mri,mao Maori
min Latn - Minangkabau
mk Cyrl mkd,mac Macedonian
ml Mlym mal Malayalam
mn Cyrl mon,khk Mongolian
mni Beng - Meitei
mos Latn - Mossi
mr Deva mar Marathi
ms Latn msa,zsm,may Malay
mt Latn mlt Maltese
my Mymr mya,bur Burmese
myv Cyrl - Erzya
nah Latn - Nahuatl
nd Latn nde North Ndebele
ne Deva nep,npi Nepali
nl Latn nld,dut Dutch
nn Latn nno Norwegian Nynorsk
no Latn nor,nob,nb Norwegian
nqo Nkoo - N'Ko
nr Latn nbl South Ndebele
nso Latn - Northern Sotho
nus Latn - Nuer
ny Latn nya Nyanja
oc Latn oci Occitan
om Latn orm,gaz Oromo
or Orya ori,ory Odia
os Cyrl oss Ossetian
pa Guru pan Punjabi
pag Latn - Pangasinan
pap Latn - Papiamento
pcm Latn - Nigerian Pidgin
pl Latn pol Polish
prs Arab - Dari
ps Arab pus,pbt Pashto
pt Latn por Portuguese
qu Latn que,quy Quechua
quz Latn - Cusco Quechua
rm Latn roh Romansh
rn Latn run Rundi
ro Latn ron,rum,mo Romanian
ru Cyrl rus Russian
rw Latn kin Kinyarwanda
sa Deva san Sanskrit
sah Cyrl - Yakut
sat Olck - Santali
sc Latn srd Sardinian
scn Latn - Sicilian
sd Arab snd Sindhi
se Latn sme Northern Sami
sg Latn sag Sango
sh Latn hbs Serbo-Croatian
shi Latn - Tashelhit
shn Mymr - Shan
si Sinh sin Sinhala
sk Latn slk,slo Slovak
sl Latn slv Slovenian
sm Latn smo Samoan
sn Latn sna Shona
so Latn som Somali
sq Latn sqi,als,alb Albanian
sr Cyrl srp Serbian
ss Latn ssw Swati
st Latn sot Southern Sotho
su Latn sun Sundanese
sv Latn swe Swedish
sw Latn swa,swh Swahili
szl Latn - Silesian
ta Taml tam Tamil
taq Latn - Tamasheq
te Telu tel Telugu
tg Cyrl tgk Tajik
th Thai tha Thai
ti Ethi tir Tigrinya
tk Latn tuk Turkmen
tl Latn tgl,fil Tagalog
tn Latn tsn Tswana
to Latn ton Tongan
tpi Latn - Tok Pisin
tr Latn tur Turkish
ts Latn tso Tsonga
tt Cyrl tat Tatar
tum Latn - Tumbuka
tw Latn twi Twi
ty Latn tah Tahitian
tyv Cyrl - Tuvan
tzm Tfng - Central Atlas Tamazight
udm Cyrl - Udmurt
ug Arab uig Uyghur
uk Cyrl ukr Ukrainian
umb Latn - Umbundu
ur Arab urd Urdu
uz Latn uzb,uzn Uzbek
uzs Arab - Southern Uzbek
ve Latn ven Venda
vec Latn - Venetian
vi Latn vie Vietnamese
vmw Latn - Makhuwa
war Latn - Waray
wo Latn wol Wolof
wuu Hans - Wu Chinese
xh Latn xho Xhosa
yi Hebr yid,ydd,ji Yiddish
yo Latn yor Yoruba
yue Hant - Cantonese
zgh Tfng - Standard Moroccan Tamazight
zh Hans zho,cmn,chi Chinese
zu Latn zul Zulu
"""

# The regions that mark a different way of writing; elsewhere a region (sw-KE, en-US) says nothing new.
_VARIETIES = {"en-GB", "en-IN", "es-419", "es-MX", "fr-CA", "gsw-BE", "gsw-ZH", "pt-BR"}
_CHINESE_SCRIPTS = {"TW": "Hant", "HK": "Hant", "MO": "Hant"}

_PRIVATE = re.compile(r"x(-[a-z0-9]{1,8})+")
_SUBTAGS = re.compile(r"(?P<language>[a-z]{2,3})([-_](?P<script>[a-z]{4}))?([-_](?P<region>[a-z]{2}|\d{3}))?")


# Codes of ISO 639-3 that are more often the name of a column, a file or a folder than that of a language:
# there they count as a language only with a script (`doc_Latn`).
_WORDS = frozenset(
    """
    add age aid alt all and ans any api app are arr ask bbl bib big bin bol bpe cap cfg chp cid cls con
    csv cut dbl def del dep dev dic did doc emb end err fit for gap gid git had has how hub ids ins int
    its job key lab lan lem len lex lib lid lng loc log low lst man max met mid mod msg mtl nam neg ner
    net new nil nli not num old one opt org par pid pkg pos pre pro raw rel res row say sec sen seq set
    sid src ssh std str sub sys tag tar tgt the tok top tst tsv two txt url val ver was www xml yes
    """.split()
)


class _Table(NamedTuple):
    names: dict[str, str]
    scripts: dict[str, str]
    codes: dict[str, str]
    """Every known spelling, with the one code."""


def _read_table(lines: list[list[str]]) -> _Table:
    """Lines of code, usual script, other codes and name; `-` stands for nothing."""
    table = _Table({}, {}, {})
    for code, script, others, name in lines:
        if name != "-":
            table.names[code] = name
            table.codes[code] = code
        if script != "-":
            table.scripts[code] = script
        for other in others.split(",") if others != "-" else ():
            assert other not in table.codes, f"{other} stands twice in the table"
            table.codes[other] = code
    return table


_OWN = _read_table([line.split(" ", 3) for line in _TABLE.strip().splitlines()])
NAMES = _OWN.names
"""The languages of the own table, by code; `name_of` knows all others too."""


@cache
def _further() -> _Table:
    """The rest of ISO 639, read from the data file."""
    text = (Path(__file__).parent / "languages.tsv").read_text(encoding="utf-8")
    return _read_table([line.split("\t") for line in text.splitlines() if not line.startswith("#")])


def usual_script(language: str) -> str | None:
    """The script a language (without a variety) is usually written in, where it is known.

    >>> usual_script("sw"), usual_script("syl"), usual_script("aaa")
    ('Latn', 'Beng', None)
    """
    return _OWN.scripts.get(language) or _further().scripts.get(language)


def canonical(code: str) -> str:
    """Give the one code of a language, from any usual spelling of it.

    >>> canonical("swh_Latn"), canonical("swa"), canonical("zho-CN"), canonical("zho_Hant")
    ('sw', 'sw', 'zh', 'zh-Hant')
    >>> canonical("x-aru")
    'x-aru'
    """
    found = _found(code) if isinstance(code, str) else None
    if found is None:
        hint = _hint(code.strip()) if isinstance(code, str) else "write an ISO 639 code such as sw or swh"
        raise InputError(f"unknown language {quoted(code)}: {hint}")
    return found


@lru_cache(maxsize=4096)
def _found(code: str) -> str | None:
    spelled = code.strip()
    if _PRIVATE.fullmatch(spelled.lower()):
        return spelled.lower()
    subtags = _SUBTAGS.fullmatch(spelled.lower())
    if subtags is None:
        return None
    spelled = subtags["language"]
    language = _OWN.codes.get(spelled) or _further().codes.get(spelled)
    if language is None:
        return None
    script = (subtags["script"] or "").title()
    region = (subtags["region"] or "").upper()
    if language == "zh" and not script:
        script = _CHINESE_SCRIPTS.get(region, "")
    # Of a language whose script is not known, nearly all are written in Latin letters.
    if script and script != (usual_script(language) or "Latn"):
        return f"{language}-{script}"
    variety = f"{language}-{region}"
    return variety if variety in _VARIETIES else language


def is_language(code: str) -> bool:
    """Whether `canonical` takes the code."""
    return _found(code) is not None


def names_language(word: str) -> bool:
    """Whether the name of a column, or a part of a file's name, means a language rather than a common word.

    >>> names_language("quc"), names_language("src"), names_language("src_Latn")
    (True, False, True)
    """
    return word.strip().lower() not in _WORDS and is_language(word)


def same_language(one: str, other: str) -> bool:
    """Whether two codes mean the same written language.

    >>> same_language("swa", "swh_Latn"), same_language("zh", "zh-TW")
    (True, False)
    """
    return canonical(one) == canonical(other)


def name_of(code: str) -> str:
    """Give the English name of a language; an invented language is called by its code.

    >>> name_of("swh"), name_of("zh-TW"), name_of("hil"), name_of("x-aru")
    ('Swahili', 'Chinese (Hant)', 'Hiligaynon', 'x-aru')
    """
    base, _, variety = canonical(code).partition("-")
    if base == "x":
        return canonical(code)
    name = _OWN.names.get(base) or _further().names[base]
    return f"{name} ({variety})" if variety else name


def _hint(spelled: str) -> str:
    by_name = {name.lower(): code for code, name in (_further().names | _OWN.names).items()}
    if spelled.lower() in by_name:
        return f"write {by_name[spelled.lower()]!r} for {spelled}"
    language = re.split("[-_]", spelled.lower())[0]
    hint = did_you_mean(language, _OWN.codes)  # nearly every three letters are near one of the 8,000 others
    if hint.startswith("known:"):  # hundreds of codes would bury the message
        hint = "write an ISO 639 code such as sw or swh"
    private = re.sub("[^a-z0-9]", "", language)[:8] or "name"
    return f"{hint.removesuffix('?')}, or x-{private} for an invented language"


def read_pair(name: str, languages: Sequence[str]) -> tuple[str, str]:
    """`sw-en` → (sw, en), of these languages; codes may hold a hyphen too, so the one between is looked for.

    >>> read_pair("x-far-x-main", ["x-far", "x-main"])
    ('x-far', 'x-main')
    """
    parts = name.split("-") if isinstance(name, str) else []
    for i in range(1, len(parts)):
        source, target = (_found("-".join(some)) for some in (parts[:i], parts[i:]))
        if source in languages and target in languages and source != target:
            return str(source), str(target)
    raise InputError(f"no pair {quoted(name)}: write source-target, of {', '.join(languages)}")
