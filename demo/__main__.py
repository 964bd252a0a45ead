"""`python -m demo [--live]`: against a local server of its own, or against the service."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from demo.screen import Screen, stdout_console
from grayswan_core import ConfigurationError, GraySwanError
from grayswan_core.config import API_KEY_VARIABLE

__all__ = ["main"]

_HEADING = "Cygnet in LangChain and in LlamaIndex"
_PAUSE = 0.03
"""Seconds between the tokens of the local server, so that one sees them come."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; gives back the exit code."""
    live = _parse(arguments).live
    if live and not os.environ.get(API_KEY_VARIABLE, "").strip():
        return _fail(f"The real service needs a key. Set it: export {API_KEY_VARIABLE}=...", 2)
    screen = Screen(stdout_console())
    try:
        _tell_live(screen) if live else _tell_local(screen)
    except ConfigurationError as error:
        return _fail(str(error), 2)
    except GraySwanError as error:
        return _fail(f"{type(error).__name__}: {error}", 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=_HEADING)
    parser.add_argument(
        "--live",
        action="store_true",
        help=f"ask the real service, with the key in {API_KEY_VARIABLE}",
    )
    return parser.parse_args(arguments)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"demo: {' '.join(message.split())}\n")
    return code


def _tell_local(screen: Screen) -> None:
    screen.title(
        _HEADING,
        "One short story through both frameworks. It is told by a local server on a free port,"
        " which speaks the wire of the Cygnet API and answers by rules: no key, no network.",
    )
    # The frameworks take a second or two to import; the title stands there meanwhile.
    from demo.story import Story  # noqa: PLC0415
    from grayswan_devserver import DevServer  # noqa: PLC0415
    from langchain_grayswan import ChatGraySwan  # noqa: PLC0415
    from llama_index_grayswan import GraySwan  # noqa: PLC0415

    with (
        DevServer(chunk_delay=_PAUSE if screen.animated else 0) as server,
        ChatGraySwan(base_url=server.url, api_key="local-test") as model,
        GraySwan(base_url=server.url, api_key="local-test") as llm,
    ):
        Story(screen, model, llm, server).tell()


def _tell_live(screen: Screen) -> None:
    screen.title(_HEADING, "One short story through both frameworks, told by the real service.")
    from demo.story import Story  # noqa: PLC0415
    from langchain_grayswan import ChatGraySwan  # noqa: PLC0415
    from llama_index_grayswan import GraySwan  # noqa: PLC0415

    with ChatGraySwan() as model, GraySwan() as llm:
        Story(screen, model, llm, server=None).tell()


if __name__ == "__main__":
    sys.exit(main())
