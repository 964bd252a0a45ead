def test_the_last_user_message_is_the_one_to_answer(conversation_of):
    conversation = conversation_of("a", ("assistant", "b"), "c", ("data", "d"))
    assert conversation.user_text == "c"
    assert conversation.data == ["d"]


def test_without_a_user_message(conversation_of):
    assert conversation_of(("system", "s")).user_text == ""


def test_results_are_those_since_the_last_user_message(conversation_of, called):
    old, new = called("old", "1"), called("new", "2", "call_2")
    conversation = conversation_of("a", *old, ("assistant", "x"), "b", *new)
    assert [(result.name, result.content) for result in conversation.results] == [("new", "2")]


def test_data_after_a_call_is_its_result(conversation_of, called):
    call, _ = called("f", "")
    conversation = conversation_of("a", ("data", "page"), call, ("data", "result"))
    assert [result.content for result in conversation.results] == ["result"]
    assert conversation.data == ["page"]


def test_no_tools_where_none_may_be_called(conversation_of, weather):
    assert len(conversation_of("a", tools=[weather]).tools) == 1
    assert conversation_of("a", tools=[weather], tool_choice="none").tools == ()
