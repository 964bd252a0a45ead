"""The framework-free core: the Cygnet wire, its errors, and a client.

```python
from grayswan_core import ChatRequest, ClientConfig, CygnetClient, Message

with CygnetClient(ClientConfig.resolve()) as client:
    request = ChatRequest(model="cygnet", messages=[Message(role="user", content="Hello")])
    print(client.complete(request).choices[0].message.content)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grayswan_core._package import lazy_attributes
from grayswan_core.completion.completion import acomplete, astream, complete, stream
from grayswan_core.config import ClientConfig, Limits, Timeout
from grayswan_core.decoding.accumulate import Accumulator
from grayswan_core.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    ContentFilterError,
    ContextOverflowError,
    CygnalViolationError,
    GraySwanError,
    IncompleteStreamError,
    InternalServerError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ResponseError,
    StreamError,
    ToolCallArgumentsError,
    ToolCallMissingError,
    UnprocessableEntityError,
    UnsupportedContentError,
)
from grayswan_core.http.retry import RetryPolicy
from grayswan_core.request.build import CompletionCall
from grayswan_core.request.roles import assign_roles
from grayswan_core.request.turns import Turn
from grayswan_core.settings import ModelSettings
from grayswan_core.wire import (
    ChatRequest,
    ChatResponse,
    Chunk,
    Message,
    ModerationRequest,
    ModerationResponse,
    Tool,
    ToolCall,
    Usage,
)

if TYPE_CHECKING:
    from grayswan_core.client import CygnetClient
    from grayswan_core.cygnal.client import CygnalClient
    from grayswan_core.cygnal.guard import CygnalGuard
    from grayswan_core.cygnal.recipes import cygnal_settings
    from grayswan_core.cygnal.verdict import Judgement, Verdict
else:  # the clients bring httpx, which costs 100 ms to import: only who asks for it pays
    __getattr__ = lazy_attributes(
        __name__,
        {
            "CygnalClient": "cygnal.client",
            "CygnalGuard": "cygnal.guard",
            "CygnetClient": "client",
            "Judgement": "cygnal.verdict",
            "Verdict": "cygnal.verdict",
            "cygnal_settings": "cygnal.recipes",
        },
    )

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "Accumulator",
    "AuthenticationError",
    "BadRequestError",
    "ChatRequest",
    "ChatResponse",
    "Chunk",
    "ClientConfig",
    "CompletionCall",
    "ConfigurationError",
    "ConflictError",
    "ContentFilterError",
    "ContextOverflowError",
    "CygnalClient",
    "CygnalGuard",
    "CygnalViolationError",
    "CygnetClient",
    "GraySwanError",
    "IncompleteStreamError",
    "InternalServerError",
    "InvalidRequestError",
    "Judgement",
    "Limits",
    "Message",
    "ModelSettings",
    "ModerationRequest",
    "ModerationResponse",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseError",
    "RetryPolicy",
    "StreamError",
    "Timeout",
    "Tool",
    "ToolCall",
    "ToolCallArgumentsError",
    "ToolCallMissingError",
    "Turn",
    "UnprocessableEntityError",
    "UnsupportedContentError",
    "Usage",
    "Verdict",
    "acomplete",
    "assign_roles",
    "astream",
    "complete",
    "cygnal_settings",
    "stream",
]


def __dir__() -> list[str]:
    return __all__
