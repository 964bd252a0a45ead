import json

from grayswan_devserver.problems import InvalidBodyError, RefusedError, json_response


def test_the_service_s_own_shape():
    refused = RefusedError(404, "gone", "It is gone.", "Since today.")
    assert refused.status == 404
    assert refused.body == {
        "error": True,
        "message": "It is gone.",
        "detail": "Since today.",
        "error_code": "gone",
        "details": None,
    }


def test_the_shape_of_fastapi():
    assert InvalidBodyError([{"type": "missing"}]).body == {"detail": [{"type": "missing"}]}


def test_any_string_can_be_quoted():
    response = json_response({"input": "\ud800 你"}, 422)
    assert json.loads(response.body) == {"input": "\ud800 你"}
    assert response.headers["content-type"] == "application/json"
