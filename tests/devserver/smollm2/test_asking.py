import pytest

from grayswan_devserver.smollm2.asking import MAX_TOKENS, asked


def test_the_services_defaults_where_nothing_is_set(request_of):
    body = asked(request_of("Hi"), None)
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert (body["temperature"], body["top_p"], body["frequency_penalty"]) == (1.0, 1.0, 0.0)
    assert body["max_tokens"] == MAX_TOKENS
    assert body["stream_options"] == {"include_usage": True}
    assert "response_format" not in body


@pytest.mark.parametrize(
    "setting", [{"temperature": 0.0}, {"top_p": 0.5}, {"frequency_penalty": 1.5}, {"max_tokens": 3}]
)
def test_settings_go_through(request_of, setting):
    assert setting.items() <= asked(request_of("Hi", **setting), None).items()


def test_a_tools_arguments_are_held_to_its_schema(request_of, weather):
    request = request_of("Rome?", tools=[weather])
    body = asked(request, request.tools[0].function)
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["location"]
    assert schema["additionalProperties"] is False
    assert body["messages"][-1]["content"].endswith("get_weather: Get the weather at a location.")
