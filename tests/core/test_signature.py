import inspect

import pytest
import wrapt

from grayswan_core.signature import with_signature
from langchain_grayswan import ChatGraySwan
from llama_index_grayswan import GraySwan


def test_the_signature_is_the_functions_own():
    def hook(self, text: str, *, times: int = 1) -> str: ...

    before = inspect.signature(hook)

    assert with_signature(hook) is hook
    assert inspect.signature(hook) == before
    assert hook.__signature__ == before


def test_a_bound_method_has_no_self():
    class Model:
        @with_signature
        def hook(self, text: str) -> str:
            return text

    assert list(inspect.signature(Model().hook).parameters) == ["text"]


# What LangChain's `_generate_with_cache` inspects at each call, and LlamaIndex's dispatcher: all
# that it has wrapped.
HOOKS = {
    ChatGraySwan: ["_generate", "_agenerate"],
    GraySwan: sorted(
        name for name, hook in vars(GraySwan).items() if isinstance(hook, wrapt.FunctionWrapper)
    ),
}


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for model, names in HOOKS.items() for name in names]
)
def test_the_hooks_that_frameworks_inspect_keep_theirs(model, name):
    hook = vars(model)[name]
    function = getattr(hook, "__wrapped__", hook)  # LlamaIndex wraps each in an object of wrapt

    assert vars(function)["__signature__"] == inspect.signature(function)
