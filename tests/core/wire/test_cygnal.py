import json

import pytest

from grayswan_core.wire import MonitorMessage, MonitorRequest, MonitorResponse, parse


def test_what_is_not_set_is_not_sent():
    request = MonitorRequest(messages=[MonitorMessage(role="user", content="hi")], rules=["no"])
    expected = {"messages": [{"role": "user", "content": "hi"}], "rules": ["no"]}
    assert expected == json.loads(request.to_body())


def test_the_monitor_knows_no_data_role():
    with pytest.raises(ValueError, match="role"):
        MonitorMessage(role="data", content="x")


def test_half_a_surrogate_pair_cannot_be_sent():
    with pytest.raises(ValueError, match="JSON"):
        MonitorRequest(text="\ud800").to_body()


@pytest.mark.parametrize("score", ["0", "0.0", "0.5", "1", "1.0"])
def test_scores(score):
    body = f'{{"violation": {score}, "ipi": null, "violated_rules": null, "new": 1}}'
    response = parse(MonitorResponse, body.encode())
    assert float(score) == response.violation
    assert (False, []) == (response.ipi, response.violated_rules)


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"ipi": false}',
        '{"violation": null}',
        '{"violation": "0.0"}',
        '{"violation": true}',
        '{"violation": [0]}',
        '{"violation": -0.1}',
        '{"violation": 1.1}',
        '{"violation": NaN}',
        '{"violation": Infinity}',
        '{"violation": 0.0, "ipi": "no"}',
        '{"violation": 0.0, "mutation": 0}',
        '{"violation": 0.0, "violated_rules": "none"}',
    ],
)
def test_nonsense_is_no_verdict(body):
    with pytest.raises(ValueError, match="validation error"):
        parse(MonitorResponse, body.encode())
