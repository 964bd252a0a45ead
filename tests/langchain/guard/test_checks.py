import pytest
from langchain_core.callbacks import AsyncCallbackManager, CallbackManager

from grayswan_core.cygnal.check import Check
from grayswan_core.cygnal.window import monitor_messages
from grayswan_devserver import MonitorAnswer
from langchain_grayswan.errors import AuthenticationError
from langchain_grayswan.guard.checks import EVENT, arun_checks, run_checks

HELLO = Check(monitor_messages("user", "secret words"), ("input",))
TOLD = ["on_chain_start", "on_chain_end", "on_custom_event"]


def test_a_check_is_a_child_run(guard, handler):
    manager = CallbackManager.configure([handler])
    (judgement,) = run_checks(guard, [HELLO], manager)
    assert not judgement.blocked
    assert TOLD == handler.names()
    (_, _, started), (_, (report,), _), (_, (name, event), _) = handler.told
    assert "cygnal_input" == started["name"]
    assert ("input", False, 0.0) == (report["stage"], report["blocked"], report["violation"])
    assert (EVENT, report) == (name, event)
    assert "secret" not in repr(handler.told)
    assert "test-key" not in repr(handler.told)


async def test_async(guard, handler):
    manager = AsyncCallbackManager.configure([handler])
    judgements = await arun_checks(guard, [HELLO, HELLO], manager)
    assert [False, False] == [each.blocked for each in judgements]
    assert sorted(TOLD * 2) == sorted(handler.names())


def test_without_a_manager(guard):
    assert not run_checks(guard, [HELLO], None)[0].blocked


def test_a_refused_check_is_an_error_of_langchain(guard, server, handler):
    server.script(MonitorAnswer(status=401), MonitorAnswer(status=401))
    with pytest.raises(AuthenticationError):
        run_checks(guard, [HELLO], CallbackManager.configure([handler]))
    assert ["on_chain_start", "on_chain_error"] == handler.names()


async def test_so_it_is_async(guard, server, handler):
    server.script(MonitorAnswer(status=401))
    with pytest.raises(AuthenticationError):
        await arun_checks(guard, [HELLO], AsyncCallbackManager.configure([handler]))
    assert ["on_chain_start", "on_chain_error"] == handler.names()
