import pytest

from grayswan_core import ConfigurationError, Judgement, Verdict
from grayswan_core.cygnal.protection import DEFAULT_REFUSAL, Protection


@pytest.mark.parametrize(
    "settings",
    [
        {"exit_behavior": "stop"},
        {"streaming": "token"},
        {"mode": "after"},
        {"window": 0},
        {"window": 1.5},
        {"window": True},
        {"violation_message": "Because of {reason}."},
        {"violation_message": "{"},
        {"violation_message": "{0}"},
    ],
)
def test_what_cannot_work_is_refused(guard, settings):
    with pytest.raises(ConfigurationError):
        Protection(guard, **settings)


def test_a_guard_is_needed():
    with pytest.raises(ConfigurationError, match="CygnalGuard"):
        Protection("guard")


def test_messages(guard):
    judgement = Judgement("output", ("violation",), Verdict(0.9, rules=("fruit",)))
    assert DEFAULT_REFUSAL == Protection(guard).message(judgement)
    own = Protection(guard, violation_message="No {rules} in {stage}. {{x}}")
    assert "No fruit in output. {x}" == own.message(judgement)
    policy = Judgement("output", ("violation",), Verdict(0.9, block_message="Policy says no."))
    assert "Policy says no." == Protection(guard).message(policy)
    assert "unavailable" in Protection(guard).message(Judgement("input", ("unavailable",)))


def test_what_blocks(guard):
    blocked, allowed = Judgement("output", ("violation",), Verdict(0.9)), Judgement("output", ())
    protection = Protection(guard)
    assert (blocked, None, None) == tuple(map(protection.blocking, (blocked, allowed, None)))
    assert None is Protection(guard, exit_behavior="monitor").blocking(blocked)


def test_errors(guard):
    assert not Protection(guard).is_error
    assert Protection(guard, exit_behavior="error").is_error
    assert Protection(guard, raises=True).is_error
    judgement = Judgement("output", ("violation", "ipi"), Verdict(0.9))
    assert "Cygnal blocked the output (violation, ipi). Sorry, I can't help with that." == (
        Protection(guard).error_message(judgement)
    )
