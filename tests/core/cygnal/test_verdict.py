import pytest
from hypothesis import given
from hypothesis import strategies as st

from grayswan_core import APITimeoutError, ConfigurationError
from grayswan_core.cygnal.verdict import STAGES, Judgement, JudgementPolicy, Verdict, judge
from grayswan_core.wire import MonitorResponse

scores = st.floats(0, 1)


@given(scores, scores, st.sampled_from(STAGES))
def test_a_score_as_high_as_the_threshold_blocks(score, threshold, stage):
    policy = JudgementPolicy(threshold)
    assert (score >= threshold) == judge(Verdict(score), policy, [stage]).blocked


@given(scores, st.dictionaries(st.sampled_from(STAGES), scores), st.sets(st.sampled_from(STAGES)))
def test_the_strictest_stage_counts(score, thresholds, stages):
    policy = JudgementPolicy(0.5, thresholds)
    if stages:
        strictest = min(thresholds.get(stage, 0.5) for stage in stages)
        assert (score >= strictest) == judge(Verdict(score), policy, sorted(stages)).blocked


@pytest.mark.parametrize("stage", STAGES)
def test_injections_and_tampering_count_at_their_stages(stage):
    injected = judge(Verdict(0, ipi=True), JudgementPolicy(), [stage])
    tampered = judge(Verdict(0, mutation=True), JudgementPolicy(), [stage])
    assert (stage in ("tool_result", "retrieval")) == injected.blocked
    assert (stage == "tool_result") == tampered.blocked


def test_a_judgement_names_the_stage_that_blocks():
    policy = JudgementPolicy(thresholds={"tool_call": 0.2})
    judgement = judge(Verdict(0.3), policy, ["output", "tool_call"])
    assert ("tool_call", ("violation",)) == (judgement.stage, judgement.reasons)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), "0.5", None, True])
def test_a_threshold_is_from_0_to_1(threshold):
    with pytest.raises(ConfigurationError, match="0 to 1"):
        JudgementPolicy(threshold)
    with pytest.raises(ConfigurationError, match="input"):
        JudgementPolicy(thresholds={"input": threshold})


@pytest.mark.parametrize("bad", [{"thresholds": {"inptu": 0.5}}, {"block_on_ipi": "input"}])
def test_unknown_stages_are_refused(bad):
    with pytest.raises(ConfigurationError, match="Stages are"):
        JudgementPolicy(**bad)


def test_a_verdict_says_what_the_response_says():
    verdict = Verdict.of(
        MonitorResponse(
            violation=0.7,
            violated_rules=[3],
            violated_rule_descriptions=[{"rule": 3, "name": "secrets"}],
            ignored_inputs=[{"type": "media"}],
            input_tokens=5,
            output_tokens=1,
            block_message="No.",
        )
    )
    assert (("secrets",), ("media",), "No.") == (
        verdict.rules,
        verdict.ignored_inputs,
        verdict.block_message,
    )
    assert {"input_tokens": 5, "output_tokens": 1} == verdict.usage


def test_rules_without_a_description_have_their_numbers():
    assert ("3",) == Verdict.of(MonitorResponse(violation=0.7, violated_rules=[3])).rules


def test_what_is_kept_quotes_nothing():
    verdict = Verdict(0.9, reasoning="They said: secret", scanner_output={"pii": "secret"})
    assert "secret" not in repr(verdict.without_quotes())


def test_a_report_of_a_verdict_from_the_cache_counts_no_tokens():
    verdict = Verdict(0.1, usage={"input_tokens": 5})
    assert {"input_tokens": 5} == Judgement("input", verdict=verdict).report()["usage"]
    assert {} == Judgement("input", verdict=verdict, cached=True).report()["usage"]


def test_a_report_of_an_outage():
    report = Judgement("input", ("unavailable",), error=APITimeoutError("secret")).report()
    expected = {
        "stage": "input",
        "blocked": True,
        "reasons": ["unavailable"],
        "error": "APITimeoutError",
    }
    assert expected == report
