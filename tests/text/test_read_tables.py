"""Tables, Bibles, translation memories."""

from pathlib import Path

import pytest

from workbench.core.errors import InputError, TextError
from workbench.text import read


@pytest.mark.parametrize("end", ["", ".gz", ".xz"])
def test_tsv(write, end: str) -> None:
    path = write(f"t.tsv{end}", '\ufeffswh_Latn\tdoc\teng\r\nmoja "1"\td1\tone\r\nmbi\u2028li\td2\t"two\r\n')
    text = read(path)
    assert text.languages == ("sw", "en")
    assert text["sw"] == ('moja "1"', "mbi\u2028li")
    assert text["en"] == ("one", '"two')
    assert text.groups == ("d1", "d2")


def test_csv_cells_may_hold_commas_and_lines(write) -> None:
    text = read(write("t.csv", 'sw,x-aru,group\n"moja, mbili","a ""b""",1\n"tatu\nnne",c,1\n'))
    assert text["sw"] == ("moja, mbili", "tatu\nnne")
    assert text["x-aru"] == ('a "b"', "c")
    assert text.groups == ("1", "1")


def test_jsonl(write) -> None:
    lines = [
        '{"id": 7, "translation": {"sw": "moja", "en": "one"}, "document": 3}',
        "",
        '{"id": 8, "translation": {"sw": "mbili", "en": "two"}, "document": 4}',
    ]
    text = read(write("t.jsonl", "\n".join(lines)))
    assert (text["sw"], text["en"], text.groups) == (("moja", "mbili"), ("one", "two"), ("3", "4"))
    assert read(write("u.jsonl", '{"sentence_swh_Latn": "a", "sentence_eng_Latn": "b"}')).languages == (
        "sw",
        "en",
    )


def test_other_columns_need_languages(write) -> None:
    path = write("t.tsv", "sw\ttopic\ten\na\tnews\tb\n")
    with pytest.raises(InputError, match=r"column 'topic' is neither a language nor a document.*languages="):
        read(path)
    assert read(path, languages=["en", "sw"]).languages == ("en", "sw")


def test_id_is_a_row_name_unless_it_holds_sentences(write) -> None:
    assert read(write("a.tsv", "id\tsw\ten\n1\ta\tb\n2\tc\td\n")).languages == ("sw", "en")
    assert read(write("b.tsv", "id\ten\nsatu dua\tone two\n")).languages == ("id", "en")
    assert read(write("c.tsv", "id\ten\nsatu\tone\n"), languages=["ind", "en"])["id"] == ("satu",)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", "a\tb\nc\td\n", r"t\.tsv:1: the first line names no language"),
        ("t.tsv", "", r"t\.tsv:1: the first line names no language"),
        ("t.tsv", "sw\tsw\na\tb\n", r"t\.tsv:1: two columns are called 'sw'"),
        ("t.tsv", "sw\tswh\na\tb\n", r"two columns are 'sw'"),
        ("t.tsv", "sw\ten\na\tb\nc\n", r"t\.tsv:3: has 1 cells but the header has 2"),
        ("t.tsv", "sw\ten\na\tb\n\n\tc\n", r"t\.tsv:4: no sentence in 'sw'; 1 of 2 rows"),
        ("t.tsv", "sw\nmoja\n", "has only 'sw'"),
        ("t.csv", 'sw,en\na,"b\n', r"t\.csv:2: is not CSV"),
        ("t.csv", 'sw,en\n"a\nb",c\n"d" e,f\n', r"t\.csv:4: is not CSV"),
        ("t.csv", 'sw,en\n"a\nb",c\nd,\n', r"t\.csv:4: no sentence in 'en'"),
        ("t.jsonl", '{"sw": "a", "en": "b"}\n{', r"t\.jsonl:2: is not JSON"),
        ("t.jsonl", "[1]\n", r"t\.jsonl:1: is not a JSON object"),
        ("t.jsonl", '{"sw": "a", "en": 3}\n', r"t\.jsonl:1: 'en' is not text but int"),
        ("t.jsonl", '{"sw": "a", "en": "b"}\n\n{"sw": "a"}\n', r"t\.jsonl:3: no sentence in 'en'"),
        ("t.jsonl", '{"sw": "a", "en": "\\ud800"}\n', r"t\.jsonl:1: holds half a character"),
    ],
)
def test_tables_that_are_wrong(write, name: str, content: str, message: str) -> None:
    path = write(name, content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


VREF = "GEN 1:1\nGEN 1:2\nGEN 1:3\nGEN 2:1\nEXO 1:1\n"


def bibles(write) -> None:
    write("b/vref.txt.xz", VREF)
    write("b/eng-web.txt", "e1\ne2\ne3\ne4\ne5\n")
    write("b/swh-old.txt.gz", "s1\n\ns3\ns4\ns5\n")
    write("b/vie.v1.tsv.xz", "GEN 1:1\tv1\nGEN 1:3\tv3\nGEN 2:1\tv4\nEXO 1:1\tv5\nEXO 1:2\tv6\n")


def test_bibles_align_by_verse(write, tmp_path: Path) -> None:
    bibles(write)
    text = read(tmp_path / "b", languages=["sw", "vi", "en"], drop_missing=True)
    assert text["sw"] == ("s1", "s3", "s4", "s5")
    assert text["vi"] == ("v1", "v3", "v4", "v5")
    assert text["en"] == ("e1", "e3", "e4", "e5")
    assert text.groups == ("GEN 1", "GEN 1", "GEN 2", "EXO 1")
    assert text.dropped == 2
    with pytest.raises(TextError, match=r"swh-old\.txt\.gz:2: no sentence in 'sw'; 1 of 5 rows"):
        read(tmp_path / "b", languages=["sw", "en"])


def test_merged_verses_are_merged_in_every_language(write, tmp_path: Path) -> None:
    bibles(write)
    write("b/deu-x.txt", "d1\nd2 d3\n<range>\nd4\nd5\n")
    text = read(tmp_path / "b", languages=["de", "en"])
    assert text["de"] == ("d1", "d2 d3", "d4", "d5")
    assert text["en"] == ("e1", "e2 e3", "e4", "e5")
    assert text.groups == ("GEN 1", "GEN 1", "GEN 2", "EXO 1")
    # Swahili lacks verse 2, so its half of the merged row is no translation of the whole.
    lacking = read(tmp_path / "b", languages=["de", "sw"], drop_missing=True)
    assert lacking["sw"] == ("s1", "s4", "s5")


def test_tables_of_verses_need_no_vref(write, tmp_path: Path) -> None:
    write("b/vie.a.tsv", "GEN 1:1\tv1\nGEN 1:2\tv2\n")
    write("b/fra.b.tsv", "GEN 1:2\tf2\nGEN 1:1\tf1\n")
    text = read(tmp_path / "b", languages=["vi", "fr"])
    assert set(zip(text["vi"], text["fr"], strict=True)) == {("v1", "f1"), ("v2", "f2")}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("b/eng-web.txt", "e1\n", r"eng-web\.txt: has 1 lines but .*vref\.txt\.xz has 5"),
        ("b/eng-kjv.txt", "e1\n", r"eng-kjv\.txt and .*eng-web\.txt are both 'en'"),
        ("b/vie.v1.tsv.xz", "GEN 1:1\tv\nGEN 1:1\tw\n", r"xz:2: GEN 1:1 stands on line 1 already"),
        ("b/vie.v1.tsv.xz", "GEN 1:1\tv\nprose\n", r"xz:2: is not a verse"),
        ("b/vref.txt.xz", "GEN 1:1\nprose\n", r"vref\.txt\.xz:2: 'prose' is not a verse"),
    ],
)
def test_bibles_that_are_wrong(write, tmp_path: Path, name: str, content: str, message: str) -> None:
    bibles(write)
    write(name, content)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "b", drop_missing=True)


def test_plain_bibles_need_vref(write, tmp_path: Path) -> None:
    write("b/eng-web.txt", "e1\n")
    write("b/swh-old.txt", "s1\n")
    with pytest.raises(TextError, match=r"needs vref\.txt beside it"):
        read(tmp_path / "b", format="bibles")


def tmx(units: str, head: str = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">') -> str:
    top = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{top}\n{head}\n<tmx version="1.4"><header/><body>\n{units}</body></tmx>'


def unit(*sides: tuple[str, str]) -> str:
    variants = "".join(f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>' for code, text in sides)
    return f"<tu>{variants}</tu>\n"


@pytest.mark.parametrize("end", ["", ".gz", ".xz"])
def test_tmx(write, end: str) -> None:
    body = unit(("en-US", "one &amp; <bpt i='1'>{b}</bpt>only<hi> once</hi>"), ("sw", "moja\n   tu"))
    body += unit(("EN-us", "two\u2028"), ("sw", "mbili"), ("sw", "wawili"), ("de", "zwei"))
    path = write(f"t.tmx{end}", tmx(body))
    text = read(path, languages=["sw", "en"])
    assert text["en"] == ("one & only once", "two\u2028")
    assert text["sw"] == ("moja tu", "mbili")
    with pytest.raises(TextError, match=r":4: no sentence in 'de'; 1 of 2"):
        read(path)
    assert read(path, drop_missing=True).dropped == 1


BOMB = '<!DOCTYPE tmx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
STEAL = '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
PARAMETER = '<!DOCTYPE tmx [<!ENTITY % a SYSTEM "file:///etc/hostname"> %a;]>'
PLAIN = '<!DOCTYPE tmx SYSTEM "tmx14.dtd">'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tmx(unit(("en", "&b;"), ("sw", "x")), BOMB), r"t\.tmx:2: declares an entity"),
        (tmx(unit(("en", "&a;"), ("sw", "x")), STEAL), r"t\.tmx:2: declares an entity"),
        (tmx(unit(("en", "a"), ("sw", "x")), PARAMETER), r"t\.tmx:2: declares an entity"),
        (tmx(unit(("en", "&eacute;"), ("sw", "x")), PLAIN), r"t\.tmx:4: uses the unknown entity &eacute;"),
        (tmx(unit(("en", "a"), ("qqq", "x"))), r"t\.tmx:4: unknown language 'qqq'"),
        (tmx("<tu><tuv><seg>a</seg></tuv></tu>"), r"t\.tmx:4: this <tuv> does not say its language"),
        (tmx("<tu>"), r"t\.tmx:4: is not well-formed XML \(mismatched tag\)"),
        ("", "not well-formed XML"),
        (tmx(""), "has no language"),
    ],
)
def test_tmx_that_is_wrong_or_dangerous(write, content: str, message: str) -> None:
    path = write("t.tmx", content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_damaged_tmx(write) -> None:
    path = write("t.tmx.gz", tmx(unit(("en", "a"), ("sw", "b")) * 50))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(TextError, match="is damaged"):
        read(path)
