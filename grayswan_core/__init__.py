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
from grayswan_core.request.roles import Turn, assign_roles
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
else:  # the client brings httpx, which costs 100 ms to import: only who asks for it pays
    __getattr__ = lazy_attributes(__name__, {"CygnetClient": "client"})

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
    "CygnetClient",
    "GraySwanError",
    "IncompleteStreamError",
    "InternalServerError",
    "InvalidRequestError",
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
    "acomplete",
    "assign_roles",
    "astream",
    "complete",
    "stream",
]


def __dir__() -> list[str]:
    return __all__
