"""The settings both adapters' models share, and the client they make. A pydantic mixin.

A model is data: it can be copied, pickled and compared. So the client is no part of it; it is
created at the first call, and again when a setting it depends on has changed. Keys and headers
are in no dump, pickle or repr; an unpickled model reads its key from the environment again.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from typing_extensions import Self

from grayswan_core._closing import Closing
from grayswan_core._copying import objects_in, unpicklable
from grayswan_core.config import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    ClientConfig,
    Limits,
    resolve_api_key,
    resolve_base_url,
)
from grayswan_core.errors import ConfigurationError, InvalidRequestError
from grayswan_core.http.protocol import TransportName
from grayswan_core.request.build import SAMPLING_FIELDS, CompletionCall, build_call
from grayswan_core.request.problems import setting_problems
from grayswan_core.request.roles import ToolResultRole, assign_roles
from grayswan_core.request.turns import Turn
from grayswan_core.settings.types import (
    AnyTimeout,
    APIKey,
    BaseURL,
    ChatPath,
    Headers,
    MaxRetries,
    Stop,
    hidden,
)
from grayswan_core.untrusted.data_messages import is_much_marked
from grayswan_core.wire import DEFAULT_CHAT_PATH, DEFAULT_MODEL

if TYPE_CHECKING:
    from grayswan_core.client import CygnetClient

__all__ = ["ModelSettings"]

_building = threading.Lock()


def _unlock_in_child() -> None:
    # The thread that was building a client when the process forked is not in the child.
    global _building  # noqa: PLW0603 - a lock that another process holds is of no use
    _building = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_in_child)

_SECRETS = ("api_key", "default_headers")
_CALL_SETTINGS = (*SAMPLING_FIELDS, "stop")


class ModelSettings(Closing, BaseModel):
    """The settings of a model. For those that are None, the API's defaults apply.

    Raises:
        ConfigurationError: there is no key, or a setting is unknown or cannot be used; the message
            names each of them.
    """

    model_config = ConfigDict(
        extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    model: str = Field(default=DEFAULT_MODEL, min_length=1, description="The model's name.")
    api_key: APIKey = Field(
        default=None,
        description="The API key, or a function that returns it, called for each request; else the"
        " variable GRAYSWAN_API_KEY.",
        exclude=True,
        repr=False,
    )
    base_url: BaseURL = Field(
        default=None, description="The API's address; else a variable, as GRAY_SWAN_BASE_URL."
    )
    chat_path: ChatPath = Field(
        default=DEFAULT_CHAT_PATH, description="Path of the chat endpoint under base_url."
    )
    temperature: float | None = Field(default=None, ge=0, description="Sampling temperature.")
    max_tokens: int | None = Field(default=None, ge=1, description="Longest response, in tokens.")
    top_p: float | None = Field(default=None, ge=0, le=1, description="Nucleus sampling mass.")
    frequency_penalty: float | None = Field(
        default=None, description="Penalty on tokens by their frequency so far."
    )
    n: int | None = Field(default=None, ge=1, description="Number of responses.")
    moderate_before: bool | None = Field(
        default=None, description="Whether the API moderates the input first."
    )
    stop: Stop = Field(
        default=None, description="Sequences that end a response; enforced on the client side."
    )
    tool_result_role: ToolResultRole = Field(
        default="tool", description="The role in which tool results are sent."
    )
    raise_on_content_filter: bool = Field(
        default=False, description="Whether a refusal is a ContentFilterError, not a response."
    )
    timeout: AnyTimeout = Field(
        default=DEFAULT_TIMEOUT,
        description="Longest wait for the API to go on in seconds, or a value for each wait: a"
        " Timeout, an httpx.Timeout or a tuple.",
    )
    limits: Limits = Field(
        default=DEFAULT_LIMITS, description="Largest responses, and how many connections."
    )
    max_retries: MaxRetries = Field(
        default=DEFAULT_MAX_RETRIES,
        ge=0,
        description="Tries after the first, each with a delay; None is the default.",
    )
    default_headers: Headers = Field(
        default=None,
        description="Additional headers of each request; their values are kept as secrets.",
        exclude=True,
        repr=False,
    )
    allow_insecure_http: bool = Field(
        default=False, description="Allow plain http to another machine, key and all."
    )
    http_client: Any = Field(
        default=None,
        description="A client of httpx or httpx2 for sync calls.",
        exclude=True,
        repr=False,
    )
    http_async_client: Any = Field(
        default=None,
        description="The same for async calls, or a function that makes one for each loop.",
        exclude=True,
        repr=False,
    )

    transport: TransportName = Field(
        default="auto",
        description="Sends requests: direct, httpx, or auto (httpx where there is a proxy).",
    )

    _client: tuple[tuple[Any, ...], CygnetClient] | None = PrivateAttr(default=None)
    # Names of headers whose values a pickle left out.
    _missing_headers: tuple[str, ...] = PrivateAttr(default=())

    def model_post_init(self, context: Any, /) -> None:
        """Let the framework's model do what it does here; pydantic would stop at this mixin."""
        super().model_post_init(context)

    @model_validator(mode="wrap")
    @classmethod
    def _explain_errors(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            if not isinstance(given, dict):
                raise
            problems = setting_problems(error, cls.__name__, cls.model_fields)
        # Not in the `except`: pydantic's error holds the values, which may be secrets.
        raise ConfigurationError(problems)

    @model_validator(mode="after")
    def _resolve(self) -> Self:
        self.api_key = resolve_api_key(self.api_key)
        self.default_headers = self.default_headers
        self.base_url = resolve_base_url(
            self.base_url, allow_insecure_http=self.allow_insecure_http
        )
        self._config()
        return self

    @property
    def client(self) -> CygnetClient:
        """The client of this model, shared by all threads.

        Raises:
            ConfigurationError: there is no key, as after unpickling where none is set.
        """
        connection = self._connection()
        made = self._client
        if made is None or made[0] != connection:
            with _building:
                made = self._client
                if made is None or made[0] != connection:
                    made = self._client = (connection, self._new_client())
        return made[1]

    def close(self) -> None:
        """Close the connections, those in use when their calls end. Later calls open new ones."""
        if self._client is not None:
            self._client[1].close()

    async def aclose(self) -> None:
        """`close`; the running event loop's unused connections are closed before this returns."""
        if self._client is not None:
            await self._client[1].aclose()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The model's name and all that is not at its default, but for secrets and callbacks."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name, None)
            if not field.repr or field.exclude:
                continue
            if name == "model" or value != field.get_default(call_default_factory=True):
                yield name, value

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, hidden(value) if name in _SECRETS else value)

    def __getstate__(self) -> dict[Any, Any]:
        """What a pickle holds: everything but the key and the values of headers.

        Raises:
            ConfigurationError: a setting cannot be pickled.
        """
        bare = self.model_copy(update=dict.fromkeys(_SECRETS))
        bare._client = None  # noqa: SLF001 - a copy of this very model
        bare._missing_headers = self._missing_headers or tuple(self.default_headers or ())  # noqa: SLF001
        found = unpicklable(bare.__dict__)
        if found is not None:
            name, reason = found
            raise ConfigurationError(
                f"The model cannot be pickled because of its setting {name!r} ({reason})."
                f" Make it without {name}, or set {name} again where it is unpickled."
            )
        return super(ModelSettings, bare).__getstate__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """A copy of all plain data; connections, callbacks, rate limiters and so on are shared."""
        memo = {} if memo is None else memo
        for shared in objects_in([*self.__dict__.values(), self._client]):
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some settings changed, which are not checked. Connections are shared."""
        # pydantic's way to do both at once does not pass through `__deepcopy__`.
        original = self.__deepcopy__() if deep else self
        changes = {
            name: hidden(value) if name in _SECRETS else value
            for name, value in (update or {}).items()
        }
        return super(ModelSettings, original).model_copy(update=changes)

    def _ask(
        self, turns: Sequence[Turn], arguments: Mapping[str, Any], *, stream: bool = False
    ) -> CompletionCall:
        """The request of one call: the settings, and the call's arguments, which take precedence.

        Raises:
            InvalidRequestError: it cannot be sent, or requests several responses in one stream.
        """
        messages = assign_roles(turns, tool_result_role=self.tool_result_role)
        settings = {name: getattr(self, name) for name in _CALL_SETTINGS}
        names = type(self).model_fields
        what = build_call(
            messages,
            settings,
            arguments,
            setting_names=names,
            raise_on_content_filter=self.raise_on_content_filter,
        )
        if stream and what.request.n is not None and what.request.n > 1:
            raise InvalidRequestError(
                f"A stream holds one response, but n={what.request.n}. Request several"
                " without streaming, or pass n=1 to the stream."
            )
        return what

    async def _aask(
        self, turns: Sequence[Turn], arguments: Mapping[str, Any], *, stream: bool = False
    ) -> CompletionCall:
        """`_ask`, async: in a thread where taking marks off would hold the event loop up."""
        if is_much_marked(turn.text for turn in turns):
            return await asyncio.to_thread(self._ask, turns, arguments, stream=stream)
        return self._ask(turns, arguments, stream=stream)

    def _connection(self) -> tuple[Any, ...]:
        """The settings a client depends on; a new client is created when any of them changes."""
        return (
            self.api_key,
            self.base_url,
            self.chat_path,
            self.timeout,
            self.max_retries,
            self.limits,
            self.default_headers,
            self.allow_insecure_http,
            self.http_client,
            self.http_async_client,
            self.transport,
        )

    def _config(self) -> ClientConfig:
        if self._missing_headers and self.default_headers is None:
            raise ConfigurationError(
                f"The headers {', '.join(self._missing_headers)} of default_headers are not in a"
                " pickle, as they may be secrets. Set default_headers again, to {} for none."
            )
        return ClientConfig.resolve(
            api_key=self.api_key,
            base_url=self.base_url,
            chat_path=self.chat_path,
            timeout=self.timeout,
            max_retries=self.max_retries,
            limits=self.limits,
            headers=self.default_headers,
            allow_insecure_http=self.allow_insecure_http,
        )

    def _new_client(self) -> CygnetClient:
        # httpx costs 100 ms to import, so not before the first call.
        from grayswan_core.client import CygnetClient  # noqa: PLC0415

        return CygnetClient(
            self._config(),
            http_client=self.http_client,
            http_async_client=self.http_async_client,
            transport=self.transport,
        )
