from grayswan_core.wire import ChatRequest, Message
from grayswan_devserver import Answer, RawResponse, ScriptedEngine, TextPiece
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


REQUEST = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])


def test_script_plays_in_order_then_falls_back():
    engine = ScriptedEngine(Answer("one"), Answer("two"), fallback=ScriptedEngine(Answer("rest")))
    texts = [
        "".join(p.text for p in engine.generate(REQUEST) if isinstance(p, TextPiece))
        for _ in range(3)
    ]
    assert texts == ["one", "two", "rest"]


def test_the_rules_answer_after_the_script():
    assert ScriptedEngine().fingerprint == "rules-1"
    assert any(isinstance(p, TextPiece) for p in ScriptedEngine().generate(REQUEST))
