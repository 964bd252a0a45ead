"""LangChain's own integration suite, on the local server."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from grayswan_devserver import DevServer
from langchain_grayswan import ChatGraySwan


class TestChatGraySwan(ChatModelIntegrationTests):
    @pytest.fixture(autouse=True)
    def _on_the_server(self, server: DevServer) -> None:
        type(self)._url = server.url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatGraySwan

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "cygnet", "api_key": "test-key-000", "base_url": self._url}

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "cygnet-v0.2"
