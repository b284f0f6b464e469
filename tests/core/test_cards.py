"""Cards escape all they are given, look alike, and leave out what is not known."""

from html.parser import HTMLParser

from workbench.core.cards import EDGES, card

EVIL = "<script>alert(1)</script>"


class Texts(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_every_text_is_escaped_and_shown_as_it_is():
    shown = card(EVIL, EVIL, lead=EVIL, facts={EVIL: EVIL}, heads=[EVIL], rows=[[EVIL]], note=EVIL)
    read = Texts(shown)
    assert set(read.tags) <= {"div", "b", "span", "table", "thead", "tbody", "tr", "th", "td"}
    assert [text for text in read.texts if text.strip()] == [EVIL] * 8


def test_unknown_facts_are_left_out_and_a_verdict_has_its_colour():
    assert "nothing" not in card("a", facts={"nothing": None}) and "<table" not in card("a")
    assert EDGES["helps"] in card("a", edge="helps") and EDGES["helps"] not in card("a", edge="undecided")
