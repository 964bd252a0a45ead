import threading
from types import SimpleNamespace

import pytest

from grayswan_devserver.smollm2 import model

ASKED = {"messages": []}


def _texts(chunks):
    return [
        part["delta"]["content"]
        for chunk in chunks
        for part in chunk["choices"]
        if part["delta"].get("content")
    ]


def _threads():
    return [thread for thread in threading.enumerate() if thread.name == "grayswan-smollm2"]


def test_chunks_come_in_their_order(played):
    server = played("a", "b", "c")
    assert _texts(model.stream(server, ASKED)) == ["a", "b", "c"]
    assert server.requests == [ASKED]
    assert not _threads()


class _EndlessServer:
    stopped = False

    def handle_chat_completions(self, request, callback):
        while not callback({"choices": []}):
            pass
        self.stopped = True


def test_closing_stops_the_model():
    server = _EndlessServer()
    chunks = model.stream(server, ASKED)
    next(chunks)
    chunks.close()
    assert server.stopped
    assert not _threads()


class _FailingServer:
    def handle_chat_completions(self, request, callback):
        callback({"choices": []})
        raise ValueError("no such template")


def test_what_the_server_raises_is_raised_where_the_chunks_are_read():
    chunks = model.stream(_FailingServer(), ASKED)
    next(chunks)
    with pytest.raises(ValueError, match="no such template"):
        next(chunks)
    assert not _threads()


class _Module:
    """As much of xllamacpp as is used to load."""

    def __init__(self):
        self.servers = []

    @staticmethod
    def CommonParams():  # noqa: N802 - their name
        return SimpleNamespace(
            model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace()
        )

    def Server(self, params):  # noqa: N802 - their name
        self.servers.append(params)
        return object()


@pytest.fixture
def module(monkeypatch, tmp_path):
    module = _Module()
    monkeypatch.setattr(model, "_servers", {})
    monkeypatch.setattr(model, "llama_cpp", lambda: module)
    monkeypatch.setattr(model, "weights_file", lambda: tmp_path / "w.gguf")
    return module


def test_loads_once_for_a_process(module):
    with_barrier = threading.Barrier(4)
    got = []

    def load():
        with_barrier.wait()
        got.append(model.loaded())

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(module.servers) == 1
    assert len(set(map(id, got))) == 1


def test_llama_cpp_is_kept_to_itself_and_silent(module):
    model.loaded()
    (params,) = module.servers
    assert params.hostnames == ["127.0.0.1"]
    assert len(params.api_keys[0]) == 64
    assert params.verbosity == -1
    assert params.n_ctx == model.SLOTS * model.CONTEXT_TOKENS


@pytest.mark.parametrize(("cores", "threads"), [(None, 1), (1, 1), (2, 1), (8, 4), (64, 4)])
def test_leaves_cores_to_others(module, monkeypatch, cores, threads):
    monkeypatch.setattr(model.os, "cpu_count", lambda: cores)
    model.loaded()
    assert module.servers[0].cpuparams.n_threads == threads
