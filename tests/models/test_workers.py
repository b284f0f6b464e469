"""Workers: the same bytes as without, whatever is killed; on this machine and on several nodes of Ray."""

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sweep_grids import TASK, grid, items
from tiny_models import sentences, tiny

from workbench.core.errors import InputError, ModelError, WorkbenchError
from workbench.models.workers import MOST_LOSSES, OnRay, Processes, working
from workbench.states import capture
from workbench.sweeps import run as sweeps
from workbench.sweeps import sweep
from workbench.text import ParallelText

TEXT = ParallelText({"en": sentences(40), "sw": sentences(40, seed=1)})
CUT = {"batch_tokens": 8}
"""Small batches, so that there are several shards."""


def as_bytes(table):
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def swept(model, folder=None):
    examples = [replace(e, id=f"{e.id} {i}") for i in range(3) for e in items("single")]
    return as_bytes(sweep(model, examples, grid(model)[:6], **TASK, batch_size=2, way="naive", folder=folder))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return both(tiny("llama"), tmp_path_factory.mktemp("here"))


def both(model, store):
    return swept(model, store), capture(model, TEXT, store=store, **CUT).digest


# Functions of a module, as workers import them.


def squared(model, given, cell):
    return given * cell**2, os.getpid(), torch.get_num_threads()


def dying(model, given, cell):
    """The first worker that comes to cell 3 dies of it; every one that comes to cell 7."""
    mark = Path(given) / "died"
    if cell == 7 or (cell == 3 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return cell


def refusing(model, given, cell):
    raise InputError(f"cell {cell}: no") if given == "ours" else ZeroDivisionError(cell)


def slow(model, given, cell):
    (Path(given) / f"{os.getpid()}").touch()
    time.sleep(2)


# Processes on this machine.


@pytest.fixture(scope="module")
def two():
    with Processes(tiny("llama"), 2) as workers:
        yield workers


def with_them(workers):
    helped = copy(tiny("llama"))
    helped.workers = workers
    return helped


def test_processes_share_the_work_and_what_is_given(two):
    for given in (1, 10):
        found = dict(two.each(squared, given, range(20)))
        assert {at: value for at, (value, _, _) in found.items()} == {i: given * i**2 for i in range(20)}
    assert {threads for _, _, threads in found.values()} == {torch.get_num_threads()}
    assert os.getpid() not in {pid for _, pid, _ in found.values()} and len(two.seats) == 2


def test_results_are_the_same_to_the_byte(two, expected, tmp_path):
    model, helped = tiny("llama"), with_them(two)
    assert both(helped, tmp_path) == expected and swept(helped) == expected[0]
    here, there = (capture(one, TEXT, store=None, **CUT).digest for one in (model, helped))
    assert here == there
    assert len(list(tmp_path.glob("*/*.parquet"))) > 5
    assert model.workers is None
    # What is on disk is not computed again, by whoever.
    for shard in sorted(tmp_path.glob("*/*.parquet"))[::2]:
        shard.unlink()
    assert swept(model, tmp_path) == expected[0]


def test_an_error_in_a_worker_is_that_of_the_caller(two):
    with pytest.raises(InputError, match="cell 0: no"):
        list(two.each(refusing, "ours", range(1)))
    with pytest.raises(RuntimeError, match=r"in a worker on .*ZeroDivisionError: 0"):
        list(two.each(refusing, "other", range(1)))
    with pytest.raises(InputError, match="define it in a module"):
        list(two.each(squared, lambda: 1, range(2)))


def test_a_lost_worker_s_part_goes_to_another(two, tmp_path, caplog):
    assert dict(two.each(dying, str(tmp_path), range(6))) == {i: i for i in range(6)}
    assert "a worker was lost" in caplog.text and "-9" in caplog.text
    with pytest.raises(ModelError, match=f"lost {MOST_LOSSES} times.*memory enough"):
        list(two.each(dying, str(tmp_path), [7]))
    assert dict(two.each(dying, str(tmp_path), range(3))) == {0: 0, 1: 1, 2: 2}


def test_workers_need_a_model_that_can_be_loaded_again():
    model = copy(tiny("llama"))
    model.load_seconds = {}  # as of a wrapped one
    with pytest.raises(ModelError, match="save it to a folder"):
        Processes(model, 2)
    with Processes(tiny("llama"), 1) as workers:
        workers.recipe = replace(workers.recipe, digests=workers.recipe.digests | {"weights": "0" * 64})
        with pytest.raises(WorkbenchError, match="has other weights on"):
            list(workers.each(squared, 1, range(2)))


def test_jobs_and_a_cluster_are_not_given_together():
    with pytest.raises(InputError, match="one of both"), working(tiny("llama"), 2, "auto"):
        pass


@pytest.mark.parametrize("how", [pytest.param(signal.SIGINT, marks=pytest.mark.full), signal.SIGKILL])
def test_workers_end_with_the_process_that_asks(how, tmp_path):
    code = (
        f"from {__name__} import *\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored in a job in the background
        f"with Processes(tiny('llama'), 2) as workers: list(workers.each(slow, {str(tmp_path)!r}, range(99)))"
    )
    asking = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path_of_tests()})
    try:
        pids = waited(lambda: len(found := [int(p.name) for p in tmp_path.iterdir()]) == 2 and found)
        os.kill(asking.pid, how)
        asking.wait(30)
        waited(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    finally:
        asking.kill()


def path_of_tests():
    return os.pathsep.join(path or os.getcwd() for path in sys.path)


def waited(what, seconds=240):
    end = time.time() + seconds
    while not (found := what()):
        assert time.time() < end, "nothing happened"
        time.sleep(0.1)
    return found


# A Ray cluster of processes on this machine.

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'alignment-workbench[ray]'")
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "memory": 8 * 10**9}


@pytest.fixture(scope="module")
def cluster():
    """A head without processors, and nodes of one processor each."""
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": path_of_tests()}
    one = Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0, "include_dashboard": False})
    yield one
    one.shutdown()


@contextmanager
def nodes(cluster, count):
    added = [cluster.add_node(**NODE) for _ in range(count)]
    try:
        yield added
    finally:
        for node in cluster.worker_nodes.copy():
            cluster.remove_node(node)


@pytest.mark.parametrize("count", [pytest.param(n, marks=[pytest.mark.full] * (n != 2)) for n in (1, 2, 4)])
def test_on_a_cluster_results_are_the_same_to_the_byte(cluster, count, expected, tmp_path):
    with nodes(cluster, count), working(tiny("llama"), cluster=cluster.address) as helped:
        assert helped.workers.places() == count
        assert both(helped, tmp_path) == expected
        found = dict(helped.workers.each(squared, 2, range(12)))
        assert {at: value for at, (value, _, _) in found.items()} == {i: 2 * i**2 for i in range(12)}
        assert len({pid for _, pid, _ in found.values()}) == count


@pytest.mark.full
def test_on_a_cluster_a_lost_actor_s_part_goes_to_another(cluster, tmp_path, caplog):
    with nodes(cluster, 2), OnRay(tiny("llama"), cluster.address) as workers:
        assert dict(workers.each(dying, str(tmp_path), range(6))) == {i: i for i in range(6)}
        assert "a worker was lost" in caplog.text


def test_a_node_that_is_lost_in_mid_run_loses_nothing(cluster, expected, tmp_path, monkeypatch):
    with nodes(cluster, 2) as two, working(tiny("llama"), cluster=cluster.address) as helped:
        real, kept = sweeps.Shelf.put, []

        def put(shelf, number, table):
            real(shelf, number, table)
            time.sleep(0.05)  # a folder that answers slowly
            kept.append(number)
            if len(kept) == 3:
                cluster.remove_node(two[0], allow_graceful=False)

        monkeypatch.setattr(sweeps.Shelf, "put", put)
        assert swept(helped, tmp_path) == expected[0]
        assert len(kept) == len(set(kept)) > 5
        waited(lambda: helped.workers.places() == 1)  # it takes a while to be known


def test_a_driver_that_is_killed_goes_on_from_what_is_there(cluster, expected, tmp_path):
    code = (
        f"from {__name__} import *\n"
        f"with working(tiny('llama'), cluster={cluster.address!r}) as helped:\n"
        "    real = sweeps.Shelf.put\n"
        "    def put(shelf, number, table):\n"
        "        real(shelf, number, table)\n"
        f"        if len(list(Path({str(tmp_path)!r}).glob('*/*.parquet'))) == 3:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "    sweeps.Shelf.put = put\n"
        f"    swept(helped, Path({str(tmp_path)!r}))\n"
    )
    with nodes(cluster, 1):
        killed = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path_of_tests()}
        )
        assert killed.returncode == -signal.SIGKILL and len(list(tmp_path.glob("*/*.parquet"))) == 3
        with working(tiny("llama"), cluster=cluster.address) as helped:
            assert swept(helped, tmp_path) == expected[0]


def test_a_cluster_without_room_is_one_line(cluster):
    said = r"none of the 1 nodes.*1 CPUs, 2.0 GB"
    with OnRay(tiny("llama"), cluster.address) as workers, pytest.raises(ModelError, match=said):
        list(workers.each(squared, 1, range(2)))


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch):
    with pytest.raises(InputError, match=r"no Ray cluster at 127\.0\.0\.1:1 "):
        OnRay(tiny("llama"), "127.0.0.1:1")


def test_without_ray_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'alignment-workbench\[ray\]'"):
        OnRay(tiny("llama"))
