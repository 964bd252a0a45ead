"""A framework whose messages are the monitor's, for tests of the guard's core."""

from __future__ import annotations

from grayswan_core.cygnal.call import ResponseDialect
from grayswan_core.cygnal.holdback import Holdback
from grayswan_core.decoding.tool_calls import past_call
from grayswan_core.wire import MonitorMessage


def said(text, role="assistant", calls=()):
    made = [past_call(None, name, {}) for name in calls]
    return MonitorMessage(role=role, content=text, tool_calls=made or None)


class Messages:
    """A `Dialect`."""

    @staticmethod
    def read(message, *, text=True, calls=True):
        update = {} if text else {"content": ""}
        return [message.model_copy(update=update if calls else {**update, "tool_calls": None})]

    @staticmethod
    def made_calls(message):
        return message.tool_calls or []

    @staticmethod
    def is_user(message):
        return message.role == "user"

    @staticmethod
    def is_data(message):
        return message.role == "tool"

    @staticmethod
    def is_refused_input(message):
        return False

    @staticmethod
    def is_plain_answer(message):
        return message.role == "assistant" and not message.tool_calls

    @staticmethod
    def placeholder(message):
        return message.model_copy(update={"content": "(removed)"})

    removed = placeholder


class PlainHoldback(Holdback):
    """Chunks are messages, too."""

    def __init__(self, protection, context=()):
        super().__init__(protection, context, Messages)
        self._all = []

    def add(self, chunk):
        self._all.append(chunk)
        return super().add(chunk)

    def answer(self):
        calls = [call.function.name for each in self._all for call in each.tool_calls or ()]
        return said("".join(each.content for each in self._all), calls=calls)

    def finish(self, report):
        return [*self.release_all(), report]

    def refuse(self, judgement):
        return f"refused the {judgement.stage}"

    def _text(self, chunk):
        return chunk.content

    def _is_text(self, chunk):
        return not chunk.tool_calls


class Responses(ResponseDialect):
    """Responses are lists of messages."""

    def __init__(self, protection):
        super().__init__(protection, Messages)

    def answers(self, response):
        return response

    def take(self, response, outcomes):
        pairs = zip(response, outcomes, strict=True)
        return [
            f"refused the {outcome.blocked.stage}" if outcome.blocked else (answer, outcome.report)
            for answer, outcome in pairs
        ]

    def refuse(self, judgement):
        return [self.refuse_chunk(judgement)]

    def refuse_chunk(self, judgement):
        return f"refused the {judgement.stage}"

    def error(self, judgement, answer):
        return ValueError(judgement.stage, answer)

    def holdback(self, context):
        return PlainHoldback(self.protection, context)
