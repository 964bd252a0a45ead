"""`python -m demo`: against a local server of its own, or with `--live` against the API."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from demo.engines import ENGINES, local_engine
from demo.screen import Screen, stdout_console
from demo.tellers import LIVE_API, RULES
from grayswan_core import ConfigurationError, GraySwanError
from grayswan_core.config import API_KEY_VARIABLE

__all__ = ["main"]

_HEADING = "Cygnet in LangChain and in LlamaIndex"
_NO_MODEL = (
    "No small model here (no wheels for this Python and machine, or no network when it was to be"
    " installed): the answers come from rules."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; gives back the exit code."""
    options = _parse(arguments)
    live = options.live
    if live and not os.environ.get(API_KEY_VARIABLE, "").strip():
        return _fail(f"The real API needs a key. Set it: export {API_KEY_VARIABLE}=...", 2)
    screen = Screen(stdout_console())
    try:
        _tell_live(screen) if live else _tell_local(screen, options.engine)
    except ConfigurationError as error:
        return _fail(str(error), 2)
    except (GraySwanError, ImportError, RuntimeError) as error:
        return _fail(f"{type(error).__name__}: {error}", 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=_HEADING)
    answers = parser.add_mutually_exclusive_group()
    answers.add_argument(
        "--engine",
        choices=ENGINES,
        help="what answers on this machine: a small model, or rules where it is not installed",
    )
    answers.add_argument(
        "--live",
        action="store_true",
        help=f"call the real API, with the key in {API_KEY_VARIABLE}",
    )
    return parser.parse_args(arguments)


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"demo: {' '.join(message.split())}\n")
    return code


def _tell_local(screen: Screen, name: str | None) -> None:
    # The model takes a second or two to load, and so do the frameworks.
    with screen.waiting("Loading the model and the frameworks ..."):
        engine, teller = local_engine(name)
        from demo.story import Story  # noqa: PLC0415
        from grayswan_devserver import DevServer  # noqa: PLC0415
        from langchain_grayswan import ChatGraySwan  # noqa: PLC0415
        from llama_index_grayswan import GraySwan  # noqa: PLC0415
    if name is None and teller is RULES:
        screen.say(_NO_MODEL)
    screen.title(_HEADING, teller.introduction)
    with (
        DevServer(engine=engine, chunk_delay=teller.pause if screen.animated else 0) as server,
        ChatGraySwan(base_url=server.url, api_key="local-test", **teller.settings) as model,
        GraySwan(base_url=server.url, api_key="local-test", **teller.settings) as llm,
    ):
        Story(screen, model, llm, teller, server).tell()


def _tell_live(screen: Screen) -> None:
    screen.title(_HEADING, LIVE_API.introduction)
    # The title stands there while the frameworks are imported.
    from demo.story import Story  # noqa: PLC0415
    from langchain_grayswan import ChatGraySwan  # noqa: PLC0415
    from llama_index_grayswan import GraySwan  # noqa: PLC0415

    with ChatGraySwan() as model, GraySwan() as llm:
        Story(screen, model, llm, LIVE_API, server=None).tell()


if __name__ == "__main__":
    sys.exit(main())
