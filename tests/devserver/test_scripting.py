from grayswan_devserver import Answer, RawResponse
from grayswan_devserver.scripting import Script


def test_answers_are_taken_in_order_and_by_kind():
    script = Script()
    script.add(Answer("a"), RawResponse(b"b"))
    assert script.take(RawResponse) is None
    assert script.take(Answer) == Answer("a")
    assert script.take(Answer) is None
    assert script.take(RawResponse) == RawResponse(b"b")
    assert script.take(RawResponse) is None


def test_cleared():
    script = Script()
    script.add(Answer("a"))
    script.clear()
    assert script.take(Answer) is None


def test_a_body_is_one_write_or_several():
    assert RawResponse(b"ab").writes == [b"ab"]
    assert RawResponse([b"a", b"b"]).writes == [b"a", b"b"]
