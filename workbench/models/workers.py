"""Workers: processes on this machine, or actors on a Ray cluster, that each hold the model and compute parts.

A part (a cell) is a shard of a sweep or of a capture. Its result goes back to the process that asked, which
writes it: results lie in the same files as without workers, and what is on disk is not computed again.
"""

import contextlib
import logging
import os
import pickle  # noqa: TID251 - between processes of one run; nothing in a file is unpickled
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import torch

from workbench.core.errors import InputError, ModelError, WorkbenchError
from workbench.models.base import LanguageModel
from workbench.models.load import load_again

log = logging.getLogger(__name__)

Work = Callable[[LanguageModel, Any, Any], Any]
"""A function of a module: `(model, given, cell) → result`; what is given is the same for all cells."""
MOST_LOSSES = 3
"""A cell whose workers were lost so often is not tried again."""
_LOADING = -1
"""In place of the number of a cell: a worker that was lost while it loaded the model."""
_TICK = 10.0
"""Seconds after which lost workers and new places are looked for."""
_LONG = 120.0
"""Seconds without a worker that has loaded the model, after which this is said."""
_ROOM = 1.5
"""Memory that a worker reserves on a cluster, in sizes of the weights, beside `_BASE` bytes."""
_BASE = 2 * 10**9


@dataclass(frozen=True)
class Recipe:
    """What a worker needs to hold the same model."""

    about: Mapping[str, Any]
    """The facts of the model, as in `ModelInfo.as_dict`."""
    digests: Mapping[str, str]
    """Of weights and tokenizer, and the versions of packages: the same in every worker."""
    threads: int

    @classmethod
    def of(cls, model: LanguageModel) -> Self:
        """From a model that can be loaded again by its name or folder."""
        if "weights" not in model.load_seconds:  # of a wrapped one nobody knows what it was made of
            raise ModelError(
                "workers load the model anew, and this one was not loaded by a name or from a folder: "
                "save it to a folder, and load it from there"
            )
        return cls(model.info.as_dict(), _digests(model), torch.get_num_threads())

    def load(self, device: str | None = None) -> LanguageModel:
        """The model, checked to have the same weights."""
        torch.set_num_threads(self.threads)
        model = load_again(self.about, device or torch.device(self.about["device"]).type)
        here = _digests(model) | {name: str(model.info.as_dict()[name]) for name in _SAME}
        for name, wanted in {**self.digests, **{name: str(self.about[name]) for name in _SAME}}.items():
            if here[name] != wanted:
                raise ModelError(
                    f"{self.about['source']} has other {name} on {socket.gethostname()} ({here[name][:12]} "
                    f"instead of {wanted[:12]}): use the same files and versions there"
                )
        return model


_SAME = ("backend", "dtype", "attention", "processing")
"""Facts of a model that do not depend on the machine."""


def _digests(model: LanguageModel) -> dict[str, str]:
    packages = ("alignment-workbench", "torch", "transformers", "transformer-lens")
    digests = {"weights": model.weights_digest, "tokenizer": model.tokens.digest()}
    return digests | {f"version of {name}": version(name) for name in packages}


class Lost(Exception):
    """A worker ended before it answered."""


_NOT_SENT = (
    "another process does not know a class or function of yours: define it in a module, not in a notebook, a "
    "script or a function"
)


class Seat(ABC):
    """One worker: it loads the model, and then computes a cell at a time."""

    handle: Any
    """What is waited for: that the model is loaded, or an answer."""
    ready = False

    @abstractmethod
    def ask(self, key: int, given: Any, work: Work, cell: Any) -> None:
        """Begin with a cell; `given` is sent once for each `key`."""

    @abstractmethod
    def answer(self) -> tuple[bool, Any]:
        """Whether it went well, and the result or the error; `Lost` where the worker ended."""

    @abstractmethod
    def close(self) -> None:
        """End the worker, whatever it does."""


class Workers(ABC):
    """Several workers. Use it as a context: `with Processes(model, 4) as workers:`."""

    def __init__(self, model: LanguageModel):
        self.recipe = Recipe.of(model)
        self.seats: list[Seat] = []
        self._key = 0

    @abstractmethod
    def places(self) -> int:
        """How many workers there can be now."""

    @abstractmethod
    def start(self) -> Seat:
        """A new worker."""

    @abstractmethod
    def share(self, given: Any) -> Any:
        """What is the same for all cells, in the form in which it is sent."""

    @abstractmethod
    def wait(self, handles: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Those that have something to say, after so many seconds at most."""

    def each(self, work: Work, given: Any, cells: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Numbers of cells with their results, in the order in which they are finished."""
        waiting, held = deque(enumerate(cells)), dict[Seat, tuple[int, Any]]()
        losses: dict[int, int] = {}
        since = time.monotonic()
        self._key += 1
        shared = self.share(given)
        try:
            while waiting or held:
                self._staff(len(waiting) + len(held))
                for seat in self.seats:
                    if waiting and seat.ready and seat not in held:
                        held[seat] = waiting.popleft()
                        seat.ask(self._key, shared, work, held[seat][1])
                busy = [seat for seat in self.seats if seat in held or not seat.ready]
                spoke = self.wait([seat.handle for seat in busy], _TICK)
                if not any(seat.ready for seat in self.seats) and time.monotonic() > since + _LONG:
                    log.warning("no worker has loaded the model yet: is there room for one?")
                    since = time.monotonic()
                for seat in [seat for seat in busy if seat.handle in spoke]:
                    try:
                        fine, value = seat.answer()
                    except Lost as lost:
                        self._drop(seat)
                        part = held.pop(seat, None)
                        number = _LOADING if part is None else part[0]
                        losses[number] = losses.get(number, 0) + 1
                        log.warning("a worker was lost (%s): another one takes its part", lost)
                        if losses[number] >= MOST_LOSSES:
                            what = "workers were" if part is None else "a part of the work was"
                            raise ModelError(
                                f"{what} lost {losses[number]} times ({lost}): is there memory enough for "
                                "the model? Take fewer workers, or a smaller --batch-size"
                            ) from lost
                        waiting.extendleft([] if part is None else [part])
                        continue
                    if not fine:
                        raise value
                    if seat in held:
                        yield held.pop(seat)[0], value
                    seat.ready = True
                    losses.pop(_LOADING, None)
        finally:
            # Those that compute what nobody waits for any more, and those that could not load the model.
            for seat in [seat for seat in self.seats if seat in held or not seat.ready]:
                self._drop(seat)

    def _staff(self, wanted: int) -> None:
        """Start workers, up to the number of places, where there is work for them."""
        places = self.places()
        while len(self.seats) < min(places, wanted):
            self.seats.append(self.start())

    def _drop(self, seat: Seat) -> None:
        self.seats.remove(seat)
        seat.close()

    def close(self) -> None:
        """End all workers."""
        while self.seats:
            self._drop(self.seats[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextlib.contextmanager
def working(model: LanguageModel, jobs: int = 1, cluster: str | None = None) -> Iterator[LanguageModel]:
    """The same model, whose sweeps and captures go to workers, if there are to be any; they end with it."""
    if cluster is not None and jobs > 1:
        raise InputError("jobs are processes on this machine, a cluster has its own: give one of both")
    if cluster is None and jobs < 2:
        yield model
        return
    with Processes(model, jobs) if cluster is None else OnRay(model, cluster) as workers:
        helped = copy(model)
        helped.workers = workers
        yield helped


def each(model: LanguageModel, work: Work, given: Any, cells: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Numbers of cells with what `work` makes of them: by the model's workers, or here, in order."""
    if model.workers is not None and len(cells) > 1:
        yield from model.workers.each(work, given, cells)
    else:
        for number, cell in enumerate(cells):
            yield number, work(model, given, cell)


class Worker:
    """What runs in a worker: the model, and what was given last."""

    def __init__(self, recipe: Recipe):
        self._recipe, self._key, self._given = recipe, 0, None
        self._model: LanguageModel

    def ready(self, device: str | None = None) -> tuple[bool, Any]:
        """Load the model."""
        try:
            self._model = self._recipe.load(device)
        except Exception as error:
            return False, _sent(error)
        return True, None

    def run(self, key: int, given: Any, work: Work, cell: Any) -> tuple[bool, Any]:
        """Compute a cell; `given` holds bytes, or a list of what Ray keeps."""
        try:
            if key != self._key:
                self._given = _received(given)
                self._key = key
            return True, work(self._model, self._given, cell)
        except Exception as error:
            return False, _sent(error)


def _received(given: Any) -> Any:
    if not isinstance(given, bytes):
        import ray

        return ray.get(given[0])
    try:
        return pickle.loads(given)
    except (AttributeError, ImportError) as error:
        raise InputError(f"{_NOT_SENT} ({error})") from error


def _sent(error: Exception) -> Exception:
    """The error as one that another process can read."""
    if isinstance(error, WorkbenchError):
        return type(error)(str(error))
    return RuntimeError(f"in a worker on {socket.gethostname()}: {type(error).__name__}: {error}")


# Processes on this machine. They are programs of their own, not forks: threads and a GPU survive no fork.


class Process(Seat):
    """A process that serves one connection."""

    def __init__(self, recipe: Recipe, gpu: int | None):
        self.gpu, self._key = gpu, 0
        ours, theirs = socket.socketpair()
        code = f"from workbench.models.workers import serve; serve({theirs.fileno()})"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the process that asks
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
        )
        theirs.close()
        self.handle = Connection(ours.detach())
        self._send((recipe, None if gpu is None else f"cuda:{gpu}"))

    def _send(self, message: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the answer will say that it is lost
            self.handle.send_bytes(_as_bytes(message))

    def ask(self, key: int, given: Any, work: Work, cell: Any) -> None:
        """Send the cell, and what is given if it is new."""
        self._send((key, None if key == self._key else given, work, cell))
        self._key = key

    def answer(self) -> tuple[bool, Any]:
        """What the process sent."""
        try:
            fine, value = pickle.loads(self.handle.recv_bytes())
        except (EOFError, OSError) as error:
            self._process.kill()
            raise Lost(f"process {self._process.pid} ended with {self._process.wait()}") from error
        return fine, value

    def close(self) -> None:
        """Kill the process."""
        self.handle.close()
        self._process.kill()
        self._process.wait()


def serve(number: int) -> None:
    """What a worker process does: load the model, and answer until nobody asks any more."""
    connection = Connection(number)
    recipe, device = pickle.loads(connection.recv_bytes())
    worker = Worker(recipe)
    with contextlib.suppress(EOFError, ConnectionError):  # nobody is there any more
        connection.send_bytes(_as_bytes(worker.ready(device)))
        while True:
            message = pickle.loads(connection.recv_bytes())
            connection.send_bytes(_as_bytes(worker.run(*message)))


class Processes(Workers):
    """So many processes on this machine, each with its own copy of the weights; GPUs are taken in turn."""

    def __init__(self, model: LanguageModel, count: int):
        super().__init__(model)
        self._count = count
        self._gpus = torch.cuda.device_count() if model.device.type == "cuda" else 0

    def places(self) -> int:
        """As many as were asked for."""
        return self._count

    def start(self) -> Process:
        """A process; its GPU is one that the fewest have."""
        taken = [seat.gpu for seat in self.seats if isinstance(seat, Process)]
        return Process(self.recipe, min(range(self._gpus), key=taken.count) if self._gpus else None)

    def share(self, given: Any) -> bytes:
        """As bytes, made once."""
        return _as_bytes(given)

    def wait(self, handles: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Connections that can be read."""
        return wait(handles, seconds)


def _as_bytes(value: Any) -> bytes:
    """Not by `Connection.send`: there torch would share memory, which only relatives can."""
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise InputError(f"{_NOT_SENT} ({error})") from error


# Actors on a Ray cluster.


class Actor(Seat):
    """An actor that reserves the processors and the memory it needs."""

    def __init__(self, ray: Any, recipe: Recipe, needs: Mapping[str, float]):
        self._ray = ray
        placed = {"num_cpus": needs["CPU"], "num_gpus": needs.get("GPU", 0), "memory": needs["memory"]}
        self._actor = ray.remote(Worker).options(**placed, scheduling_strategy="SPREAD").remote(recipe)
        self.handle = self._actor.ready.remote()

    def ask(self, key: int, given: Any, work: Work, cell: Any) -> None:
        """Call the actor; it fetches what is given once."""
        self.handle = self._actor.run.remote(key, given, work, cell)

    def answer(self) -> tuple[bool, Any]:
        """What the actor returned."""
        errors = self._ray.exceptions
        try:
            fine, value = self._ray.get(self.handle)
        except (
            *(errors.RayActorError, errors.ObjectLostError, errors.WorkerCrashedError),
            *(errors.OutOfMemoryError, errors.NodeDiedError),
        ) as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise Lost(" … ".join(dict.fromkeys([lines[0], lines[-1]]))) from error
        return fine, value

    def close(self) -> None:
        """Kill the actor."""
        with contextlib.suppress(Exception):  # a cluster that is gone holds no actor
            self._ray.kill(self._actor)


def _reach(address: str) -> None:
    """Connect once to where the address says that the cluster listens."""
    host, _, port = address.removeprefix("ray://").partition(":")
    if port or address.startswith("ray://"):
        socket.create_connection((host, int(port or 10001)), _TICK).close()


class OnRay(Workers):
    """As many actors on a Ray cluster as fit; `address` is `auto`, `HOST:PORT` or `ray://HOST:PORT`."""

    def __init__(self, model: LanguageModel, address: str = "auto"):
        try:
            import ray
        except ImportError as error:
            raise InputError("--cluster needs Ray: pip install 'alignment-workbench[ray]'") from error
        super().__init__(model)
        self._ray, self._ours = ray, not ray.is_initialized()
        if self._ours:
            try:
                _reach(address)  # Ray itself tries for minutes
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:
                reason = " ".join(str(error).split())
                raise InputError(
                    f"no Ray cluster at {address} ({reason}): start one by `ray start --head`, or give --jobs"
                ) from error
        weights = sum(weight.numel() * weight.element_size() for _, weight in model.parameters())
        self._needs = {"CPU": float(self.recipe.threads), "memory": float(int(_ROOM * weights) + _BASE)}
        self._needs |= {"GPU": 1.0} if model.device.type == "cuda" else {}

    def places(self) -> int:
        """How many actors fit on the nodes that are alive."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        fitting = [
            min(int(node.get(name, 0) // need) for name, need in self._needs.items()) for node in nodes
        ]
        if not sum(fitting):
            needs = f"{self._needs['CPU']:g} CPUs, {self._needs['memory'] / 1e9:.1f} GB of memory"
            raise ModelError(
                f"none of the {len(nodes)} nodes of the Ray cluster has what a worker needs: {needs}"
                + (" and a GPU" if "GPU" in self._needs else "")
            )
        return sum(fitting)

    def start(self) -> Actor:
        """An actor, on a node where there is room."""
        return Actor(self._ray, self.recipe, self._needs)

    def share(self, given: Any) -> list[Any]:
        """In the object store; a list, so that Ray does not fetch it for each call."""
        return [self._ray.put(given)]

    def wait(self, handles: Sequence[Any], seconds: float) -> Sequence[Any]:
        """References whose values are there."""
        return self._ray.wait(list(handles), num_returns=1, timeout=seconds)[0]

    def close(self) -> None:
        """End all actors, and leave the cluster if it was joined here."""
        super().close()
        if self._ours:
            self._ray.shutdown()
