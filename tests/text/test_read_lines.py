"""Files aligned line by line: names, folders, line ends, and what is wrong with them."""

import json
from pathlib import Path

import pytest

from workbench.core.errors import InputError, TextError
from workbench.text import ParallelText, read

SW, EN = "moja\nmbili\ntatu\n", "one\ntwo\nthree\n"


def is_one_line(error: Exception) -> bool:
    return "\n" not in str(error)


def test_prefix_file_and_folder_are_the_same_text(write, tmp_path: Path) -> None:
    write("news.sw", SW)
    write("news.en", EN)
    write("news.notes", "not a language\n")
    texts = [read(tmp_path / name) for name in ("news", "news.sw", "news.en", ".")]
    assert all(text == texts[0] for text in texts)
    assert texts[0].languages == ("en", "sw")
    assert texts[0]["sw"] == ("moja", "mbili", "tatu")
    assert set(texts[0].sources) == {str(tmp_path / "news.en"), str(tmp_path / "news.sw")}
    assert read(tmp_path / "news", languages=["swh", "en"]).languages == ("sw", "en")


def test_moses_names_give_pair_and_order(write, tmp_path: Path) -> None:
    write("c.swh-eng.swh", SW)
    write("c.swh-eng.eng", EN)
    write("c.deu-eng.deu", "eins\n")
    write("c.deu-eng.eng", "one\n")
    for path in ("c.swh-eng", "c.swh-eng.eng", "c.swh-eng.swh"):
        assert read(tmp_path / path).languages == ("sw", "en")
    for path in ("c", "."):
        assert len(read(tmp_path / path, languages=["sw", "en"])) == 3
        assert read(tmp_path / path, languages=["en", "de"])["de"] == ("eins",)
        with pytest.raises(InputError, match=r"several texts \(c.deu-eng, c.swh-eng\)"):
            read(tmp_path / path)
    with pytest.raises(InputError, match="no aligned files for fr, en"):
        read(tmp_path / "c", languages=["fr", "en"])


def test_tico_names_and_invented_languages(write, tmp_path: Path) -> None:
    write("en-sw.tico19-test.en", EN)
    write("en-sw.tico19-test.sw", SW)
    assert read(tmp_path / "en-sw.tico19-test").languages == ("en", "sw")
    write("p/en-de.mixed.sw", SW)
    write("p/en-de.mixed.en", EN)
    assert read(tmp_path / "p").languages == ("en", "sw")
    write("o/world.x-aru-x-bel.x-aru", SW)
    write("p/en-de.mixed.sw", SW)
    write("p/en-de.mixed.en", EN)
    assert read(tmp_path / "p").languages == ("en", "sw")
    write("o/world.x-aru-x-bel.x-bel", EN)
    assert read(tmp_path / "o").languages == ("x-aru", "x-bel")


@pytest.mark.parametrize("end", ["", ".gz", ".xz"])
def test_packed_files_marks_and_line_ends(write, tmp_path: Path, end: str) -> None:
    write(f"t.sw{end}", b"\xef\xbb\xbfmoja\r\nmbi\xe2\x80\xa8li\r\nta\xc2\x85tu\x0c \r\n")
    write("t.en", "one\ntwo\nthree")
    text = read(tmp_path / "t", languages=["sw", "en"])
    assert text["sw"] == ("moja", "mbi\u2028li", "ta\x85tu\x0c")
    assert text["en"][2] == "three"


def test_unequal_lengths_name_both_files(write, tmp_path: Path) -> None:
    write("t.sw", SW)
    write("t.en", "one\ntwo\n")
    with pytest.raises(TextError, match=r"t\.sw:3: has 3 lines but .*t\.en has 2") as caught:
        read(tmp_path / "t")
    assert is_one_line(caught.value)


def test_a_missing_side_is_an_error_or_dropped_and_counted(write, tmp_path: Path) -> None:
    write("t.sw", "moja\n \ntatu\n\n")
    write("t.en", "one\ntwo\n\nfour\n")
    with pytest.raises(TextError, match=r"t\.sw:2: no sentence in 'sw'; 3 of 4 rows.*drop_missing=True"):
        read(tmp_path / "t", languages=["sw", "en"])
    text = read(tmp_path / "t", drop_missing=True)
    assert text["sw"] == ("moja",)
    assert text.dropped == 3
    with pytest.raises(TextError, match=r"t\.en:3: no sentence in 'en'; 1 of 4"):
        read(tmp_path / "t", languages=["en"])


def test_nothing_whole_is_an_error(write, tmp_path: Path) -> None:
    write("t.sw", "moja\n\n")
    write("t.en", "\ntwo\n")
    with pytest.raises(TextError, match="no row that is whole"):
        read(tmp_path / "t", drop_missing=True)
    write("e.sw", "")
    write("e.en", "")
    with pytest.raises(TextError, match="no row that is whole"):
        read(tmp_path / "e")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.sw", b"moja\nmb\xffli\ntatu\n", r"t\.sw:2: byte 0xff is not UTF-8"),
        ("t.sw", "moja\n".encode("utf-16"), r"t\.sw:1: is UTF-16"),
    ],
)
def test_bytes_that_are_not_utf8(write, tmp_path: Path, name: str, data: bytes, message: str) -> None:
    write(name, data)
    write("t.en", EN)
    with pytest.raises(TextError, match=message) as caught:
        read(tmp_path / "t")
    assert caught.value.path == tmp_path / name


@pytest.mark.parametrize("end", ["gz", "xz"])
def test_damaged_packing(write, tmp_path: Path, end: str) -> None:
    path = write(f"t.sw.{end}", SW * 200)
    write("t.en", EN * 200)
    whole = path.read_bytes()
    for damaged in (whole[:-12], b"not packed at all"):
        path.write_bytes(damaged)
        with pytest.raises(TextError, match=r"is damaged .*fetch it again") as caught:
            read(tmp_path / "t")
        assert is_one_line(caught.value)


def test_two_files_of_one_language(write, tmp_path: Path) -> None:
    for code in ("sw", "swh", "en"):
        write(f"t.{code}", SW)
    with pytest.raises(InputError, match=r"t\.sw and .*t\.swh are both 'sw'"):
        read(tmp_path / "t")


def ntrex(write) -> None:
    write("n/newstest2019-src.eng.txt", "one\r\ntwo\r\nthree\r\n")
    write("n/newstest2019-ref.swa.txt", "moja\r\nmbili\r\ntatu\r\n")
    write("n/newstest2019-ref.zho-CN.txt", "一\r\n二\r\n三\r\n")
    write("n/newstest2019-ref.zho-TW.txt", "壹\r\n貳\r\n參\r\n")
    write("n/DOCUMENT_IDS.tsv", "a.1\r\na.1\r\nb.2\r\n")
    write("n/LICENSE.md", "…")


def test_ntrex(write, tmp_path: Path) -> None:
    ntrex(write)
    text = read(tmp_path / "n")
    assert text.languages == ("sw", "zh", "zh-Hant", "en")
    assert text["sw"] == ("moja", "mbili", "tatu")
    assert text.groups == ("a.1", "a.1", "b.2")
    assert read(tmp_path / "n", languages=["en", "zh-TW"])["zh-Hant"][0] == "壹"
    with pytest.raises(InputError, match=r"has no 'de'"):
        read(tmp_path / "n", languages=["de", "en"])
    write("n/DOCUMENT_IDS.tsv", "a.1\nb.2\n")
    with pytest.raises(TextError, match="2 document names for 3 rows"):
        read(tmp_path / "n")


def test_ntrex_with_an_unknown_language(write, tmp_path: Path) -> None:
    ntrex(write)
    write("n/newstest2019-ref.qqq.txt", "?\n?\n?\n")
    with pytest.raises(TextError, match=r"ref\.qqq\.txt: unknown language 'qqq'.*languages="):
        read(tmp_path / "n")
    assert read(tmp_path / "n", languages=["sw", "en"]).languages == ("sw", "en")


def flores(write) -> None:
    for part, end in (("dev", ""), ("devtest", "!")):
        write(f"f/{part}/swh_Latn.{part}", f"moja{end}\nmbili{end}\n")
        write(f"f/{part}/eng_Latn.{part}", f"one{end}\ntwo{end}\n")
    write("f/metadata_dev.tsv", "URL\tdomain\nu1\tnews\nu2\tnews\n")


def test_flores(write, tmp_path: Path) -> None:
    flores(write)
    text = read(tmp_path / "f", split="dev")
    assert (text.languages, text["sw"], text.groups) == (("en", "sw"), ("moja", "mbili"), ("u1", "u2"))
    assert read(tmp_path / "f", split="devtest")["swh"] == ("moja!", "mbili!")
    assert read(tmp_path / "f/dev") == text
    with pytest.raises(InputError, match="choose one with split='dev' or split='devtest'"):
        read(tmp_path / "f")
    with pytest.raises(InputError, match="no split 'devtst': did you mean 'devtest'"):
        read(tmp_path / "f", split="devtst")


def test_flores_splits_may_lie_in_one_folder(write, tmp_path: Path) -> None:
    for code, word in (("swh_Latn", "moja"), ("eng_Latn", "one")):
        write(f"f/{code}.dev", f"{word}\n")
        write(f"f/{code}.devtest", f"{word}!\n")
    assert read(tmp_path / "f", split="dev")["sw"] == ("moja",)
    assert read(tmp_path / "f", split="devtest")["sw"] == ("moja!",)


def test_flores_plus(write, tmp_path: Path) -> None:
    def records(*texts: str) -> str:
        return "".join(
            json.dumps({"id": i, "text": text, "url": f"u{i // 2}"}) + "\n" for i, text in enumerate(texts)
        )

    write("f/dev/swh_Latn.jsonl", records("moja", "mbili", "tatu"))
    write("f/dev/eng_Latn.jsonl", records("one", "two", "three"))
    text = read(tmp_path / "f", languages=["sw", "en"])
    assert text["sw"] == ("moja", "mbili", "tatu")
    assert text.groups == ("u0", "u0", "u1")
    write("f/dev/eng_Latn.jsonl", records("one", "two"))
    with pytest.raises(TextError, match="other ids"):
        read(tmp_path / "f")
    write("f/dev/eng_Latn.jsonl", '{"id": 0}\n')
    with pytest.raises(TextError, match=r"eng_Latn\.jsonl:1: is not FLORES"):
        read(tmp_path / "f")


def test_what_is_not_there_or_not_known(write, tmp_path: Path) -> None:
    write("odd/readme.md2", "…")
    write("mono/t.sw", SW)
    for path, options, message in [
        ("none", {}, "no file, folder or prefix"),
        ("none.tsv", {}, "no file, folder or prefix"),
        ("none", {}, "files of a prefix are called none.sw and none.en"),
        ("odd", {}, r"a folder of no known format: call its files NAME\.sw .*; or give format="),
        (
            "odd/readme.md2",
            {},
            r"a file of no known format: call a file of one language NAME\.sw, .*; or give",
        ),
        (
            "mono/t.sw",
            {},
            r"t\.sw is in 'sw' alone: name the file of another language with it \(--text t\.sw",
        ),
        ("mono/t.sw", {"languages": ["sw", "en"]}, r"no file in 'en' among .*t\.sw \(sw\): name one, called"),
        ("mono/t.sw", {"split": "dev"}, "split='dev' means nothing to files given by name"),
        ("odd", {"format": "flores"}, r"odd holds no files of FLORES: they are called swh_Latn\.dev"),
        ("odd/readme.md2", {"format": "flores"}, "is not a folder"),
        ("odd", {"format": "nterx"}, "unknown format 'nterx': did you mean 'ntrex'"),
        ("odd", {"format": "ntrex"}, "has no language"),
        ("odd/readme.md2", {"format": "ntrex"}, "is not a folder"),
        ("odd/readme.md2", {"format": "bibles"}, "is not a folder"),
        ("mono/t.sw", {"format": "lines"}, "no aligned files for two languages"),
        ("none.tsv", {"format": "tsv"}, "cannot be read"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read(tmp_path / path, **options)
        assert is_one_line(caught.value)


def test_a_prefix_may_mix_spellings_of_codes(write, tmp_path: Path) -> None:
    for code, text in (("en", EN), ("swh", SW), ("zh-CN", "一\n二\n三\n"), ("zho_Hant", "壹\n貳\n參\n")):
        write(f"x.{code}", text)
    assert read(tmp_path / "x").languages == ("en", "sw", "zh", "zh-Hant")
    assert read(tmp_path / "x", languages=["zh", "sw"])["zh"][1] == "二"


def test_files_given_by_name(write, tmp_path: Path) -> None:
    one, two = write("a.swh", SW), write("other/b.eng.gz", EN)
    text = read([one, str(two)])
    assert text.languages == ("sw", "en") and text["en"] == ("one", "two", "three")
    assert text.sources == (str(one), str(two)) and text.groups is None
    assert read([one, two], languages=["en", "sw"]).languages == ("en", "sw")
    assert read((one, two), languages="en").languages == ("en",)
    assert read([one], languages=["sw"])["sw"] == read(one, languages="sw")["sw"] == ("moja", "mbili", "tatu")
    names = ("news.de.txt", "fra.txt", "pt-BR.dev", "swh_Latn.stories.txt", "ref.zho-CN.txt", "x.x-aru", "ru")
    named = read([write(f"n/{name}", EN) for name in names])
    assert named.languages == ("de", "fr", "pt-BR", "sw", "zh", "x-aru", "ru")


def test_files_given_by_name_that_do_not_do(write, tmp_path: Path) -> None:
    one = write("a.swh", SW)
    for name, content, message in [
        ("b.eng", "one\ntwo\n", r"b\.eng:3: has 2 lines but .*a\.swh has 3: they must align line by line"),
        ("c.sw", SW, r"a\.swh and .*c\.sw are both 'sw': name one of them"),
        ("c.txt", EN, r"the name of .*c\.txt shows no language: call it NAME\.sw, .* or swh_Latn\.devtest"),
        ("c.tsv", "sw\ten\n", r"c\.tsv is a table, which holds all its languages: name it alone"),
        ("eng_Latn.jsonl", '{"text": "one"}\n', r"eng_Latn\.jsonl is JSON lines and .*a\.swh is not"),
        ("d/b.eng", EN, r"d is a folder: name its files, or the folder alone"),
        ("none", None, r"no file .*none\.eng: check the path"),
    ]:
        other = tmp_path / "none.eng" if content is None else write(name, content)
        with pytest.raises(InputError, match=message) as caught:
            read([one, other.parent if name == "d/b.eng" else other])
        assert is_one_line(caught.value)
    write("b.eng", EN)
    for paths, options, message in [
        (
            [one, tmp_path / "b.eng"],
            {"languages": ["sw", "fr"]},
            r"no file in 'fr' among .*b\.eng \(en\): name",
        ),
        (
            [one, tmp_path / "b.eng"],
            {"format": "lines"},
            "format='lines' means nothing to files given by name",
        ),
        ([], {}, "the list of files is empty"),
        ([one, 3], {}, "3 is no path"),
        ({"sw": one}, {}, "a dict is no path"),
        (f"{one},b.eng", {}, "give several files as a list"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read(paths, **options)
        assert is_one_line(caught.value)


def test_one_file_of_flores_or_ntrex_stands_for_those_beside_it(write, tmp_path: Path) -> None:
    flores(write)
    whole = read(tmp_path / "f", split="dev")
    sides = [tmp_path / f"f/dev/{code}_Latn.dev" for code in ("eng", "swh")]
    assert read(sides[0]) == read(sides[1]) == read(sides) == whole and whole.groups == ("u1", "u2")
    assert read(sides[0], languages=["sw", "en"]).languages == ("sw", "en")
    write("f/dev/deu_Latn.dev", "eins\nzwei\n")
    assert read(sides, languages=None) == whole, "those named, and no other"
    message = (
        r"no FLORES file in 'fr' in .*dev, which has deu_Latn.dev, .*: put it there, called such as swh_Latn"
    )
    for path in (sides[0], tmp_path / "f/dev"):
        with pytest.raises(InputError, match=message):
            read(path, languages=["fr", "en"])
    with pytest.raises(InputError, match="no split 'devtest': did you mean 'dev'"):
        read(sides[0], split="devtest")
    alone = write("alone/eng_Latn.devtest", EN)
    assert read(alone, languages="en").languages == ("en",)
    with pytest.raises(
        InputError, match=r"no FLORES file in another language in .*alone, which has eng_Latn"
    ):
        read(alone)
    ntrex(write)
    text = read(tmp_path / "n/newstest2019-src.eng.txt", languages=["sw", "en"])
    assert text == read([tmp_path / f"n/newstest2019-{n}.txt" for n in ("ref.swa", "src.eng")])
    assert (
        text.groups == ("a.1", "a.1", "b.2")
        and read(tmp_path / "n/newstest2019-ref.swa.txt").languages[1] == "zh"
    )


def test_flores_plus_files_given_by_name(write, tmp_path: Path) -> None:
    for code, word in (("swh_Latn", "moja"), ("eng_Latn", "one")):
        write(f"f/{code}.jsonl", json.dumps({"id": 0, "text": word, "url": "u"}) + "\n")
    text = read([tmp_path / "f/swh_Latn.jsonl", tmp_path / "f/eng_Latn.jsonl"])
    assert (text["sw"], text["en"], text.groups) == (("moja",), ("one",), ("u",))


def test_devtest_alone_is_a_folder_of_flores(write, tmp_path: Path) -> None:
    for code, word in (("swh_Latn", "moja"), ("eng_Latn", "one")):
        write(f"f/devtest/{code}.devtest", f"{word}\n{word}!\n")
    assert read(tmp_path / "f") == read(tmp_path / "f/devtest") and len(read(tmp_path / "f")) == 2


def test_options_that_mean_nothing_are_refused(write, tmp_path: Path) -> None:
    write("t.sw", SW)
    write("t.en", EN)
    for option in ("revision", "split", "config"):
        with pytest.raises(InputError, match=f"{option}='x' means nothing"):
            read(tmp_path / "t", **{option: "x"})
    with pytest.raises(InputError, match="names none"):
        read(tmp_path / "t", languages=[])
    with pytest.raises(InputError, match="one language twice: sw, sw"):
        read(tmp_path / "t", languages=["sw", "swh"])
    assert isinstance(read(tmp_path / "t", languages="sw"), ParallelText)
