"""Bytes of an event stream to its events. Sans-I/O, byte-level.

The rules are those of the WHATWG HTML standard, "Interpreting an event stream"
(https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation):
a line ends with CR, LF or CRLF and with nothing else, a blank line ends an event, a line that
starts with a colon is a comment, one byte order mark may come first, and an event that the
stream's end cuts off is no event. One step is left to the reader of the data: decoding UTF-8,
where the standard would put replacement characters and a JSON parser refuses.
"""

from __future__ import annotations

from dataclasses import dataclass

from grayswan_core.limits import DEFAULT_LIMITS

__all__ = ["Event", "EventDecoder", "EventTooLargeError"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Event:
    """One event: its name (`message` unless the stream says otherwise) and its data."""

    data: bytes
    name: bytes = b"message"


class EventTooLargeError(ValueError):
    """One event grew past the limit; `before` are those that ended before it in its piece."""

    def __init__(self, message: str, before: list[Event]) -> None:
        super().__init__(message)
        self.before = before


class EventDecoder:
    """Reads an event stream piece by piece; pieces may be cut anywhere."""

    def __init__(self, max_event_size: int = DEFAULT_LIMITS.max_event_size) -> None:
        self._max_event_size = max_event_size
        self._line: list[bytes] = []  # pieces of the line that has not ended yet
        self._line_size = 0
        self._data: list[bytes] = []  # data lines of the event that has not ended yet
        self._data_size = 0
        self._name = b""
        self._first_line = True
        self._after_cr = False

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end within this piece.

        Raises:
            EventTooLargeError: the event in progress has more bytes than the limit.
        """
        if (
            # One event of one line of data is what APIs write at a time, most of the time.
            piece.startswith(b"data: ")
            and piece.find(b"\n") == len(piece) - 2
            and piece.endswith(b"\n")
            and b"\r" not in piece
            and len(piece) <= self._max_event_size
            and not (self._line or self._data or self._name or self._after_cr or self._first_line)
        ):
            return [Event(piece[6:-2])]
        if self._after_cr and piece:
            self._after_cr = False
            piece = piece.removeprefix(b"\n")
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ended, begun = piece.split(b"\n")
        events: list[Event] = []
        for line in ended:
            if self._line:
                self._line.append(line)
                line = b"".join(self._line)  # noqa: PLW2901 - the whole of the same line
                self._line = []
                self._line_size = 0
            self._read(line, events)
        if begun:
            self._line.append(begun)
            self._line_size += len(begun)
            self._check_size(events)
        return events

    def _read(self, line: bytes, events: list[Event]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if not line:
            self._dispatch(events)
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
            self._data_size += len(value) + 1  # its line end: empty lines take memory too
            self._check_size(events)
        elif field == b"event":
            self._name = value

    def _dispatch(self, events: list[Event]) -> None:
        if self._data:
            events.append(Event(b"\n".join(self._data), self._name or b"message"))
            self._data = []
            self._data_size = 0
        self._name = b""

    def _check_size(self, events: list[Event]) -> None:
        if self._line_size + self._data_size > self._max_event_size:
            raise EventTooLargeError(
                f"One event of the stream is larger than {self._max_event_size:,} bytes.", events
            )
