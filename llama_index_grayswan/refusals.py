"""The text of a message and its refusal, each of them once. Sans-I/O.

The API writes a refusal as content, as `refusal`, or as both; and where it refuses in the middle
of a stream, the refusal follows text that is no part of it.
"""

from __future__ import annotations

from grayswan_core.wire import Delta

__all__ = ["MessageText", "text_parts"]


def text_parts(content: str | None, refusal: str | None) -> list[str]:
    """The texts of a message: its content, and its refusal where that is another one."""
    content, refusal = content or "", refusal or ""
    longer = max(content, refusal, key=len)
    if longer.startswith(content) and longer.startswith(refusal):
        return [longer] if longer else []
    return [content, refusal]


class MessageText:
    """The text of one message that arrives in pieces.

    Args:
        content: What had arrived of its content.

    Attributes:
        parts: The texts so far: one, or two where a refusal follows other text.
    """

    def __init__(self, content: str = "") -> None:
        self._content = content
        self._refusal = ""
        self.parts = [content] if content else []

    def add(self, delta: Delta) -> str:
        """Take a piece in.

        Returns:
            What it adds to the text: the parts joined with a line break. It never changes what
            was there before.
        """
        content, refusal = delta.get("content") or "", delta.get("refusal") or ""
        if len(self.parts) > 1:  # whatever comes now belongs to the part that is arriving
            self.parts = [self.parts[0], self.parts[1] + content + refusal]
            return content + refusal
        self._content += content
        self._refusal += refusal
        before = "".join(self.parts)
        self.parts = text_parts(self._content, self._refusal)
        if self.parts and not self.parts[0].startswith(before):
            self.parts.reverse()
        return "\n".join(self.parts)[len(before) :]
