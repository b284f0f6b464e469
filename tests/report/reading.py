"""What a reader of the page finds: parsed with the standard library alone."""

import json
import re
from html.parser import HTMLParser

from workbench.report import to_html
from workbench.results import open_run

VOID = ("meta", "br", "link", "hr", "img", "input")


class Element:
    """One element with its attributes, children and text."""

    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children = []

    @property
    def text(self):
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    def all(self, name=None, **attributes):
        """Every element below with this name and these attributes (`class_` among its classes)."""
        found = []
        for one in self.children:
            if isinstance(one, Element):
                if name in (None, one.name) and all(one.has(*pair) for pair in attributes.items()):
                    found.append(one)
                found += one.all(name, **attributes)
        return found

    def has(self, key, value):
        if key == "class_":
            return value in self.attributes.get("class", "").split()
        return self.attributes.get(key.replace("_", "-")) == value


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.here = self.root = Element("", {}, None)

    def handle_starttag(self, name, attributes):
        one = Element(name, attributes, self.here)
        self.here.children.append(one)
        if name not in VOID:
            self.here = one

    def handle_endtag(self, name):
        assert self.here.name == name, f"</{name}> closes <{self.here.name}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.children.append(data)


def parse(page):
    """The page as a tree; an element that is not closed, or closed twice, is an error."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.name}> is never closed"
    return reader.root


def page_of(folder):
    """The report on a folder, as a tree."""
    return parse(to_html(open_run(folder)))


def details(root):
    """The numbers of all layers, as the page's script reads them."""
    (found,) = root.all("script", id="details")
    data = json.loads(found.text)
    for part in data["parts"]:
        for layer, tables in part["layers"].items():
            part["layers"][layer] = [data["kinds"][kind] | {"rows": rows} for kind, rows in tables]
    return data["parts"]


def number(text):
    """A number as the page writes it."""
    plain = re.sub("[^0-9.+-]", "", text.replace("−", "-"))
    return float(plain)
