"""`python -m grayswan_devserver`: serve until interrupted."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grayswan_devserver.engine import Engine

__all__ = ["main"]

_ENGINES = ("rules", "smollm2")
_MISSING = 'pip install "grayswan-integrations[devserver]"'


def main(argv: Sequence[str] | None = None) -> int:
    """Serve on a loopback address until interrupted.

    Returns:
        the exit status: 0, or 1 if the server cannot start.
    """
    try:
        return _serve(_parser().parse_args(argv))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in {"starlette", "uvicorn"}:
            raise
        return _complain(f"needs {package}: {_MISSING}")


def _serve(arguments: argparse.Namespace) -> int:
    # Imported here, so that --help works and the complaint is clear where the extra is missing.
    import uvicorn  # noqa: PLC0415

    from grayswan_devserver.app import create_app  # noqa: PLC0415
    from grayswan_devserver.load import Load  # noqa: PLC0415
    from grayswan_devserver.recording import Recorder  # noqa: PLC0415
    from grayswan_devserver.server import listen, server_config  # noqa: PLC0415

    try:
        load = Load(
            latency=arguments.latency,
            requests_per_second=arguments.requests_per_second,
            tokens_per_minute=arguments.tokens_per_minute,
            fail_every=arguments.fail_every,
        )
    except ValueError as error:
        return _complain(str(error))
    try:
        engine = _engine(arguments.engine)
    except (ImportError, RuntimeError) as error:
        return _complain(str(error))
    try:
        listener = listen(arguments.host, arguments.port)
    except (OSError, ValueError) as error:
        return _complain(f"cannot listen on {arguments.host} port {arguments.port}: {error}")
    with listener:
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        _print(_banner(url, arguments.engine))
        app = create_app(
            engine,
            models=arguments.model,
            chunk_delay=arguments.chunk_delay,
            # Nobody can read what it keeps, and a long run would fill memory.
            recorder=Recorder(limit=0, on_finished=lambda request: _print(request.line)),
            load=load,
        )
        # Interrupted, uvicorn stops in good order and then raises what interrupted it.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(server_config(app, "warning")).run(sockets=[listener])
    return 0


def _engine(name: str) -> Engine:
    """The engine of this name.

    Raises:
        ImportError: it needs packages that are not there.
        RuntimeError: the model does not load.
    """
    if name == "smollm2":
        from grayswan_devserver.smollm2 import SmolLM2Engine  # noqa: PLC0415

        return SmolLM2Engine()
    from grayswan_devserver.rules import RulesEngine  # noqa: PLC0415

    return RulesEngine()


def _banner(url: str, engine: str) -> str:
    lines = [
        f"Serving the Cygnet API on {url} (stop with Ctrl+C). Point a client at it:",
        f"  export GRAY_SWAN_BASE_URL={url} GRAYSWAN_API_KEY=local-test",
    ]
    if engine == "rules":
        lines.append(
            "Rules generate the responses."
            " For a small real model: --engine smollm2 (make serve ENGINE=smollm2)."
        )
    return "\n".join(lines)


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _complain(message: str) -> int:
    print(f"grayswan-devserver: {message}", file=sys.stderr)  # noqa: T201
    return 1


def _parser() -> argparse.ArgumentParser:
    # The trigger phrases are spelt out in the help, so they are imported with the parser.
    from grayswan_devserver.moderation import MODERATION_TRIGGER  # noqa: PLC0415
    from grayswan_devserver.rules import REFUSAL_TRIGGER  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="grayswan-devserver",
        description="A local server that implements the Cygnet API. It accepts any key that is not"
        " empty.",
        epilog=(
            f"A user message with {REFUSAL_TRIGGER} is refused (finish reason content_filter); "
            f"a text with {MODERATION_TRIGGER} is flagged by the moderation."
        ),
    )
    parser.add_argument("--host", default="127.0.0.1", help="loopback address (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8000, help="port, 0 for a free one (%(default)s)"
    )
    parser.add_argument(
        "--engine",
        choices=_ENGINES,
        default="rules",
        help="what writes the answers: rules, or a small real model (%(default)s)",
    )
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME", help="accept this model name too"
    )
    parser.add_argument(
        "--chunk-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="pause before each piece of a stream (%(default)s)",
    )
    _add_load(parser)
    return parser


def _add_load(parser: argparse.ArgumentParser) -> None:
    load = parser.add_argument_group("load", "play a busy API")
    load.add_argument(
        "--latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait before each request is handled (%(default)s)",
    )
    load.add_argument(
        "--requests-per-second", type=float, metavar="N", help="answer further ones with 429"
    )
    load.add_argument(
        "--tokens-per-minute", type=float, metavar="N", help="answer further ones with 429"
    )
    load.add_argument("--fail-every", type=int, metavar="N", help="answer every N-th with 500")


if __name__ == "__main__":
    sys.exit(main())
