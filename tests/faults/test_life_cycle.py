"""Loops, threads, processes and endings, each in a Python of its own where warnings are errors."""

from __future__ import annotations

import asyncio
import importlib.util
import multiprocessing
import os
import subprocess
import sys
import threading

import pytest
from fault_table import DONE, END, FAR, SO, answer, chunk, text
from wire_server import LAST_CHUNK, Hold, Stall, stream, whole

from grayswan_core import ChatRequest, ClientConfig, CygnetClient, Message

PREAMBLE = """
import asyncio, gc, os, sys, threading
url, transport = sys.argv[1:]
def ours(kind):
    return kind(api_key="gs-test-key", base_url=url, max_retries=0, transport=transport)
"""

CORE = """
from grayswan_core import *
config = ClientConfig.resolve(api_key="gs-test-key", base_url=url, max_retries=0)
client = CygnetClient(config, transport=transport)
request = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
def ask(): assert "Hi there." == client.complete(request).choices[0].message.content
async def aask(): assert "Hi there." == (await client.acomplete(request)).choices[0].message.content
"""

LANGCHAIN = """
from langchain_grayswan import ChatGraySwan
model = ours(ChatGraySwan)
def ask(): assert "Hi there." == model.invoke("Hello").text
async def aask(): assert "Hi there." == (await model.ainvoke("Hello")).text
"""

LLAMA = """
from llama_index_grayswan import GraySwan
model = ours(GraySwan)
def ask(): assert "Hi there." == model.complete("Hello").text
async def aask(): assert "Hi there." == (await model.acomplete("Hello")).text
"""

KINDS = {"core": CORE, "langchain": LANGCHAIN, "llama": LLAMA}


@pytest.fixture(params=["direct", "httpx"])
def transport(request):
    return request.param


@pytest.fixture
def run(server, transport):
    """Runs a program; what it says on stderr, or a return code, is a failure."""

    def start(kind, program, *options):
        strict = ("-X", "dev", "-W", "error") if kind == CORE else ("-X", "dev")
        # The frameworks warn at import, of themselves and of each other.
        after = "" if kind == CORE else "import warnings; warnings.simplefilter('error')\n"
        finished = subprocess.run(  # noqa: S603 - the programs stand in the tests
            [
                sys.executable,
                *strict,
                *options,
                "-c",
                PREAMBLE + kind + after + program,
                server.url,
                transport,
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        # The debugging event loop remarks on steps that a loaded machine makes slow.
        remarks = [
            line for line in finished.stderr.splitlines() if not line.startswith("Executing <")
        ]
        assert (0, "") == (finished.returncode, "\n".join(remarks))
        return finished.stdout

    return start


ONE_MODEL = """
for _ in range(3):
    asyncio.run(aask())
    ask()

async def several():
    await asyncio.gather(*(aask() for _ in range(20)))

threads = [threading.Thread(target=ask) for _ in range(8)]
threads += [threading.Thread(target=lambda: asyncio.run(several())) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()

if hasattr(os, "fork"):
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of 3.12, on forks beside threads
    child = os.fork()
    ask()
    asyncio.run(aask())
    if child:
        assert 0 == os.waitpid(child, 0)[1]
"""


NOTEBOOK = """
import nest_asyncio
nest_asyncio.apply()

async def cell():
    asyncio.run(aask())
    asyncio.get_event_loop().run_until_complete(aask())
    await aask()

for _ in range(3):
    asyncio.run(cell())
loop = asyncio.get_event_loop()
loop.run_until_complete(client.aclose() if "client" in globals() else model.aclose())
loop.close()
"""


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_model_serves_loops_threads_processes_and_notebooks_and_leaves_nothing(
    server, run, kind
):
    server.play_always(whole(answer()))
    nests = importlib.util.find_spec("nest_asyncio") is not None
    run(kind, ONE_MODEL + (NOTEBOOK if nests else ""))


LOOPS = {
    "uvloop": "import uvloop\nfor _ in range(3): uvloop.run(aask())",
    "a runner by hand, its generators closed": """
loop = asyncio.new_event_loop()
loop.run_until_complete(aask())
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
""",
    "a runner by hand, the client closed": """
loop = asyncio.new_event_loop()
loop.run_until_complete(aask())
loop.run_until_complete(client.aclose())
loop.close()
""",
    "a loop that ended by hand is forgotten": """
loop = asyncio.new_event_loop()
loop.run_until_complete(aask())
loop.run_until_complete(loop.shutdown_asyncgens())
loop.close()
asyncio.run(aask())
from grayswan_core.http.direct import shared
assert loop not in shared._loops
""",
    "a loop in a thread that is never stopped": """
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(aask(), loop).result()
asyncio.run_coroutine_threadsafe(client.aclose(), loop).result()
""",
    "async with": """
async def main():
    async with client:
        await aask()
    await aask()
asyncio.run(main())
""",
    "with": """
with client:
    ask()
ask()
""",
    "many clients, dropped": """
for _ in range(20):
    client = CygnetClient(client._config, transport=transport)
    ask()
    asyncio.run(aask())
""",
    "a cycle": """
client.itself = client
ask()
asyncio.run(aask())
del client
gc.collect()
""",
}


@pytest.mark.parametrize("program", LOOPS.values(), ids=LOOPS)
def test_a_loop_may_be_run_in_any_way(server, run, program):
    if "uvloop" in program:
        pytest.importorskip("uvloop")
    server.play_always(whole(answer()))
    run(CORE, program)


STREAM_TO_THE_END = """
def listen():
    for _ in client.stream(request): pass
async def alisten():
    async for _ in client.astream(request): pass
"""

ENDINGS = {
    # Before it waits for the network it runs compiled code, where Python can crash at its end.
    "a thread in the midst of a stream": """
begun = threading.Event()
def listen_on():
    for _ in client.stream(request): begun.set()
threading.Thread(target=listen_on, daemon=True).start()
begun.wait()
""",
    "a task in the midst of a stream": """
async def main():
    asyncio.ensure_future(alisten())
    await asyncio.sleep(0.05)
asyncio.run(main())
""",
    "a generator in a cycle": """
class Box: pass
box = Box()
box.chunks, box.itself = client.stream(request), box
next(box.chunks)
del box
gc.collect()
""",
    "an unstarted generator": "chunks = client.stream(request), client.astream(request)",
    "sys.exit in a loop over chunks": """
for _ in client.stream(request):
    sys.exit()
""",
}


@pytest.mark.parametrize("program", ENDINGS.values(), ids=ENDINGS)
def test_the_interpreter_may_end_at_any_time(server, run, program):
    server.play_always(*stream(SO), Stall())
    run(CORE, STREAM_TO_THE_END + program)


LEFT_EARLY = """
async def leave(chunks, how):
    async for _ in chunks:
        if how == "break": break
        if how == "return": return
        raise LookupError

async def keep(chunks):
    await anext(chunks)
    kept.append(chunks)

kept = []
for how in ("break", "return", "raise"):
    for start in ways:
        try: asyncio.run(started(start, lambda chunks: leave(chunks, how)))
        except LookupError: pass
for start in ways:
    asyncio.run(started(start, keep))
"""

STREAMS = {
    "core": """
async def started(start, use): await use(start())
ways = [lambda: client.astream(request)]
""",
    "langchain": """
from langchain_core.output_parsers import StrOutputParser
async def started(start, use): await use(start())
chain = model | StrOutputParser()
ways = [lambda: model.astream("Hello"), lambda: chain.astream("Hello"),
        lambda: chain.astream_events("Hello", version="v2")]
""",
    "llama": """
from llama_index.core.llms import ChatMessage
async def started(start, use): await use(await start())
ways = [lambda: model.astream_chat([ChatMessage("Hello")]), lambda: model.astream_complete("Hello")]
""",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_left_early_is_closed_and_nothing_is_said(server, run, kind):
    server.play_always(*stream(SO, FAR), Stall())
    run(KINDS[kind], STREAMS[kind] + LEFT_EARLY)
    for number in range(len(server.connections)):
        server.wait_for_close(number)


NESTED = """
import nest_asyncio
nest_asyncio.apply()
warnings.simplefilter("ignore", ResourceWarning)  # as it is without -X dev
from llama_index.core.async_utils import asyncio_run

async def cell():
    for _ in range(3):
        asyncio_run(aask())
        ask()
        await aask()

for _ in range(3):
    asyncio.run(cell())
    asyncio_run(aask())
"""


def test_sync_calls_that_llama_index_runs_in_loops_of_their_own_say_nothing(server, run):
    pytest.importorskip("nest_asyncio")
    server.play_always(whole(answer()))
    run(LLAMA, NESTED)


# --- forks


WORKERS = """
import json, warnings
warnings.simplefilter("ignore", DeprecationWarning)
def said(question):
    asked = ChatRequest(model="cygnet", messages=[Message(role="user", content=question)])
    return client.complete(asked).choices[0].message.content
async def asaid(question):
    asked = ChatRequest(model="cygnet", messages=[Message(role="user", content=question)])
    return (await client.acomplete(asked)).choices[0].message.content
BEFORE
children = []
for worker in range(4):
    child = os.fork()
    if not child:
        for number in range(25):
            question = f"{worker}-{number}"
            assert question == said(question), question
        assert "async" == asyncio.run(asaid("async"))
        sys.exit(0)
    children.append(child)
for number in range(25):
    assert str(number) == said(str(number))
assert [0] * 4 == [os.waitpid(child, 0)[1] for child in children]
"""


def echo(request):
    return (whole(answer(request.json()["messages"][0]["content"])),)


needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork"
)


@needs_fork
@pytest.mark.parametrize(
    "before",
    ["", "said('x')", "said('x'); asyncio.run(asaid('y'))"],
    ids=["after import", "after use", "after use, sync and async"],
)
def test_forked_workers_never_get_anothers_answer(server, run, before):
    server.play_by(echo)
    run(CORE, WORKERS.replace("BEFORE", before))


FORK_WITH_LOCKS_HELD = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
from grayswan_core.settings import model as settings
from grayswan_core.http.direct import pool
class Model(settings.ModelSettings): pass
model = Model(api_key="gs-test-key", base_url=url, max_retries=0)
ask()
held, done = threading.Event(), threading.Event()
def hold():
    with settings._building, pool.lock():
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if not child:
    ask()
    model.client.complete(request)
    asyncio.run(aask())
    client.close()
    sys.exit(0)
done.set()
thread.join()
assert 0 == os.waitpid(child, 0)[1]
ask()
"""


@needs_fork
def test_a_fork_while_locks_are_held_does_not_hang_the_child(server, run):
    server.play_always(whole(answer()))
    run(CORE, FORK_WITH_LOCKS_HELD)


FORKS_IN_A_STREAM = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
read, write = os.pipe()
async def main():
    chunks = client.astream(request)
    await anext(chunks)
    living = os.fork()
    if not living:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    leaving = os.fork()
    if not leaving:
        await chunks.aclose()
        os._exit(0)
    assert 0 == os.waitpid(leaving, 0)[1]
    ask()
    async for _ in chunks: pass
    await client.aclose()
    ask()
    os.close(write)
    assert 0 == os.waitpid(living, 0)[1]
asyncio.run(main())
"""


@needs_fork
def test_no_child_keeps_a_connection_of_its_parents_or_takes_it_away(server, run, transport):
    if transport == "httpx":
        pytest.skip("httpx has no way to the sockets of async connections")
    go_on = threading.Event()

    def choose(request):
        if request.json().get("stream"):
            return (*stream(SO), Hold(go_on), chunk(FAR + END), LAST_CHUNK)
        if go_on.is_set():  # it is asked for the second time
            server.wait_for_close(0)
        go_on.set()
        return (whole(answer()),)

    server.play_by(choose)
    run(CORE, FORKS_IN_A_STREAM)


GIVEN = """
import httpx
from grayswan_core import ConfigurationError
own = httpx.Client()
client = CygnetClient(client._config, http_client=own)
BEFORE
child = os.fork()
if not child:
    try:
        ask()
    except ConfigurationError as error:
        assert "forked" in str(error)
        os._exit(3)
    os._exit(0)
assert EXPECTED == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
own.close()
"""


@needs_fork
@pytest.mark.parametrize(("before", "expected"), [("", "0"), ("ask()", "3")])
def test_an_httpx_client_passed_in_and_used_is_refused_in_a_forked_child(
    server, run, before, expected
):
    server.play_always(whole(answer()))
    run(CORE, GIVEN.replace("BEFORE", before).replace("EXPECTED", expected))


SPAWN = """
import multiprocessing, sys

def work(model):
    assert "Hi there." == model.invoke("Hello").text

if __name__ == "__main__":
    from langchain_grayswan import ChatGraySwan
    model = ChatGraySwan(base_url=sys.argv[1])
    work(model)
    child = multiprocessing.get_context("spawn").Process(target=work, args=(model,))
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""


def test_a_model_goes_to_a_spawned_process(server, tmp_path):
    server.play_always(whole(answer()))
    program = tmp_path / "program.py"
    program.write_text(SPAWN)
    environment = {**os.environ, "GRAYSWAN_API_KEY": "gs-test-key"}
    subprocess.run(  # noqa: S603 - ours
        [sys.executable, program, server.url], check=True, timeout=120, env=environment
    )
    assert 2 == len(server.requests)


# --- proxies


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
def test_a_proxy_in_the_environment_is_used_and_may_be_bypassed(
    server, new_core, monkeypatch, variable
):
    monkeypatch.setenv(variable, server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.play_always(whole(answer()))
    client, request = new_core("http://service.example", allow_insecure_http=True)
    assert "Hi there." == client.complete(request).choices[0].message.content
    assert "http://service.example/chat/completion" == server.requests[0].target
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client, request = new_core(server.url)
    client.complete(request)
    assert "/chat/completion" == server.requests[1].target


@pytest.fixture
def new_core():
    made = []

    def make(url, **more):
        config = ClientConfig.resolve(api_key="gs-test-key", base_url=url, max_retries=0, **more)
        made.append(CygnetClient(config))
        return made[-1], ChatRequest(model="m", messages=[Message(role="user", content="Hello")])

    yield make
    for client in made:
        client.close()


# --- closing beside others


def test_closing_lets_the_calls_of_other_threads_end_and_then_closes(server, new_core):
    client, request = new_core(server.url)
    more, first = threading.Event(), threading.Event()
    server.play(*stream(SO), Hold(more), chunk(text("far", "stop") + DONE), LAST_CHUNK)
    said = []

    def listen():
        for each in client.stream(request):
            said.append(each["choices"][0]["delta"].get("content"))
            first.set()

    thread = threading.Thread(target=listen)
    thread.start()
    assert first.wait(30)
    client.close()
    more.set()
    thread.join()
    assert ["so ", "far"] == said
    server.wait_for_close()


async def test_closing_lets_the_tasks_of_a_loop_end_and_then_closes(server, new_core):
    client, request = new_core(server.url)
    more = threading.Event()
    server.play(*stream(SO), Hold(more), chunk(text("far", "stop") + DONE), LAST_CHUNK)
    chunks = client.astream(request)
    assert "so " == (await anext(chunks))["choices"][0]["delta"].get("content")
    await client.aclose()
    more.set()
    assert ["far"] == [each["choices"][0]["delta"].get("content") async for each in chunks]
    await asyncio.to_thread(server.wait_for_close)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_streams_connection_is_used_again(server, new_core, is_async):
    client, request = new_core(server.url)
    server.play_always(*stream(SO, FAR, END), LAST_CHUNK)
    for _ in range(3):
        if is_async:
            assert 3 == len([each async for each in client.astream(request)])
        else:
            assert 3 == len(list(client.stream(request)))
    assert 1 == len(server.connections)
    await client.aclose()


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_answer_that_nobody_asked_for_is_never_anybodys(server, new_core, is_async):
    client, request = new_core(server.url)
    server.play(whole(answer("first")) + whole(answer("nobody's")))
    server.play_always(whole(answer("another")))

    async def said():
        response = await client.acomplete(request) if is_async else client.complete(request)
        return response.choices[0].message.content

    assert "first" == await said()
    assert "another" == await said()
    assert 2 == len(server.connections)
    await client.aclose()
