"""The catalogue holds what it claims, and what it fetches is the published file or nothing."""

import contextlib
import hashlib
import http.server
import re
import threading
import urllib.request
from pathlib import Path

import pytest

from workbench.core.errors import InputError
from workbench.core.store import digest_file
from workbench.tasks import HUB, TASKS, read_task
from workbench.tasks.catalogue import NOT_PINNED, File, catalogue, fetch, find, open_https
from workbench.text import read

DATA = b"question\t1\n" * 20_000
SHA = hashlib.sha256(DATA).hexdigest()
GENERIC = ("lm_eval", "choices", "answers", "translation")
AT_HAND = {
    "ntrex": "ntrex128",
    "tatoeba": "tatoeba",
    "xcopa": "xcopa",
    "mgsm": "mgsm",
    "xquad": "xquad",
    "sib200": "sib200",
}


class Server(http.server.BaseHTTPRequestHandler):
    """Gives the data, a part of it, or a redirection."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        if self.path == "/none":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[: 70_000 if self.path == "/cut" else None])

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as made:
        made.asked = []
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        made.url = f"http://127.0.0.1:{made.server_address[1]}"
        yield made
        made.shutdown()
        thread.join()


def plain(url):
    """Without https, which is another's test: urllib as it is."""
    return urllib.request.urlopen(url, timeout=10)


def nothing_left(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()] == []


def test_files_are_fetched_once_and_checked(server, tmp_path):
    files = [File("a/one.tsv", f"{server.url}/whole", len(DATA), SHA), File("two.tsv", f"{server.url}/moved")]
    told = []
    assert fetch(files, tmp_path, lambda *what: told.append(what), plain) == {
        "a/one.tsv": SHA,
        "two.tsv": SHA,
    }
    assert (tmp_path / "a" / "one.tsv").read_bytes() == DATA == (tmp_path / "two.tsv").read_bytes()
    assert told == [("files", 0, 2), ("files", 1, 2), ("files", 2, 2)]
    asked = len(server.asked)
    assert fetch(files, tmp_path, opener=plain)["two.tsv"] == SHA and len(server.asked) == asked
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "one.tsv", "two.tsv"]


@pytest.mark.parametrize(
    ("path", "sha", "message"),
    [
        ("/whole", "0" * 64, "is not the file that was pinned (sha256 " + SHA),
        ("/cut", None, f"ended after 70000 of {len(DATA)} bytes: run the same again"),
        ("/none", None, "cannot be fetched (404 Not Found)"),
    ],
)
def test_what_is_not_the_published_file_leaves_nothing_behind(server, tmp_path, path, sha, message):
    with pytest.raises(InputError, match=re.escape(message)):
        fetch([File("one.tsv", server.url + path, None, sha)], tmp_path, opener=plain)
    assert nothing_left(tmp_path)


def test_a_file_of_that_name_that_is_another_stays_as_it_is(server, tmp_path):
    (tmp_path / "one.tsv").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"one\.tsv is not the published file .*: move it away"):
        fetch([File("one.tsv", f"{server.url}/whole", None, SHA)], tmp_path, opener=plain)
    assert (tmp_path / "one.tsv").read_text(encoding="utf-8") == "mine" and not server.asked


def test_after_a_failure_the_same_call_goes_on(server, tmp_path):
    files = [File("one", f"{server.url}/whole", None, SHA), File("two", f"{server.url}/none")]
    with pytest.raises(InputError):
        fetch(files, tmp_path, opener=plain)
    with pytest.raises(InputError):
        fetch(files, tmp_path, opener=plain)
    assert server.asked == ["/whole", "/none", "/none"]


def test_only_https_is_spoken(server, tmp_path):
    with pytest.raises(InputError, match="is not https: nothing is fetched from there"):
        fetch([File("one", f"{server.url}/whole")], tmp_path)
    assert not server.asked and nothing_left(tmp_path)


def test_a_redirection_away_from_https_is_not_followed():
    from workbench.tasks.catalogue import _OnlyHttps

    request = urllib.request.Request("https://a.example/x")
    with pytest.raises(InputError, match=r"http://b\.example is not https"):
        _OnlyHttps().redirect_request(request, None, 302, "Found", {}, "http://b.example")
    followed = _OnlyHttps().redirect_request(request, None, 302, "Found", {}, "https://b.example/y")
    assert followed.full_url == "https://b.example/y"


def test_without_a_network_it_says_where_to_put_the_file(tmp_path):
    # No such host by definition (RFC 2606): the same answer with and without a network.
    file = File("one.tsv", "https://nothing.invalid/one.tsv")
    with pytest.raises(InputError, match="cannot be reached") as error:
        fetch([file], tmp_path)
    assert str(error.value).endswith(f"put it to {tmp_path / 'one.tsv'}") and nothing_left(tmp_path)


def test_nothing_is_put_outside_the_folder(tmp_path):
    for path in ("../one", "/one", "a/../../one"):
        with pytest.raises(InputError, match="outside its folder"):
            fetch([File(path, "https://nothing.invalid/one")], tmp_path)


def test_every_benchmark_is_in_the_catalogue_and_every_option_reads_something():
    entries = catalogue()
    read_with = {option for entry in entries.values() for option in entry.read}
    tasks = {option.split()[1].partition(":")[0] for option in read_with if option.startswith("--task")}
    assert set(TASKS) - set(GENERIC) == tasks - set(GENERIC)
    for name, entry in entries.items():
        assert entry.kind in ("text", "task", "text and task"), name
        assert entry.licence and entry.languages and entry.size and entry.what and entry.revision
        assert entry.hub is None or entry.hub in HUB
        assert entry.files or entry.steps or name == "starter"


def test_files_are_https_and_what_is_not_known_is_called_so():
    for entry in catalogue().values():
        paths = [file.path for file in entry.files]
        assert len(set(paths)) == len(paths), entry.name
        for file in entry.files:
            assert file.url.startswith("https://") and (file.sha256 is None) == (file.bytes is None)
            assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
            pinned = entry.revision in file.url
            assert pinned or file.sha256 or entry.revision in (NOT_PINNED, "1.0"), file
    assert find("flores").pinned() == NOT_PINNED
    assert find("xcopa").pinned() == "e2e9d7f, 11 of 22 files by checksum"
    assert len(find("msvamp").pinned()) == 7
    with pytest.raises(InputError, match="the catalogue has no 'xcoppa': did you mean 'xcopa'"):
        find("xcoppa")


@pytest.mark.parametrize("name", [name for name in AT_HAND if any(file.sha256 for file in find(name).files)])
def test_checksums_are_those_of_the_published_files(shared_data, name):
    folder = shared_data / AT_HAND[name]
    known = [file for file in find(name).files if file.sha256]
    assert known
    for file in known:
        path = folder / Path(file.path).name
        assert (digest_file(path), path.stat().st_size) == (file.sha256, file.bytes), file.path


@pytest.mark.parametrize("name", AT_HAND)
def test_the_options_it_prints_read_the_published_files(shared_data, name):
    for option in find(name).specs(shared_data / AT_HAND[name]):
        kind, spec = option.split()[:2]
        if kind == "--task":
            assert read_task(spec, languages=["sw"] if name != "xquad" else ["es"]).all
        else:
            assert len(read(spec, languages=["sw", "en"])) > 300


def test_opening_is_closed_again(server):
    with contextlib.closing(plain(f"{server.url}/whole")) as one:
        assert one.read(3) == DATA[:3]
    with pytest.raises(InputError):
        open_https("ftp://a.example")
