"""`workbench lab` on a folder of its own, for a browser to open: no configuration of the user's is read."""

import json
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from urllib.error import URLError
from urllib.request import urlopen

import nbformat

NEEDED = ("jupyterlab", "ipykernel", "ipywidgets", "anywidget")
_TOKEN = "for-one-test"
_WORKBENCH = "import sys; from workbench.cli import main; sys.exit(main())"
_CONFIG = {
    "ServerApp": {"allow_root": True, "ip": "127.0.0.1"},
    "LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"},
}
_SECONDS = 60
_SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    "apputils-extension/themes": '{"theme": "JupyterLab %s"}',
}


def missing():
    """What JupyterLab needs and is not installed."""
    return [name for name in NEEDED if find_spec(name) is None]


def notebook(path, *cells):
    """A notebook of code cells, in which the project is found wherever the notebook lies."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)


class Lab:
    """The server process; `url(name)` is where a notebook of its folder is opened."""

    def __init__(self, folder, home, theme="Light"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name, text in _SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text % theme if "%" in text else text)
        places = {name: str(home / name.lower()) for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")}
        environment = os.environ | {f"JUPYTER_{name}": place for name, place in places.items()}
        environment |= {
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "IPYTHONDIR": str(home / "ipython"),
        }
        environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "OMP_NUM_THREADS": "1"}
        environment |= {"JUPYTER_TOKEN": _TOKEN}
        (home / "config_dir").mkdir()
        (home / "config_dir" / "jupyter_lab_config.json").write_text(json.dumps(_CONFIG))
        options = ["lab", "--notebooks", str(folder), "--port", str(self.port), "--no-browser"]
        self._log = open(home / "log.txt", "w")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKBENCH, *options],
            cwd=folder,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._await()

    def _await(self):
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, "JupyterLab has ended: see its log.txt"
            try:
                with urlopen(f"http://127.0.0.1:{self.port}/api?token={_TOKEN}", timeout=2):
                    return
            except (URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("JupyterLab does not answer: see its log.txt")

    def url(self, name):
        """Where a notebook is opened, alone on the page."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={_TOKEN}&reset"

    def close(self):
        """End the server and its kernels."""
        self._process.terminate()
        self._process.wait(timeout=20)
        self._log.close()
