from __future__ import annotations

import ssl
from itertools import product

import certifi
import pytest

from grayswan_core.errors import ConfigurationError
from grayswan_core.http.certificates import ssl_context

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    ssl_context.cache_clear()
    yield
    ssl_context.cache_clear()


def test_certifis_certificates_are_the_default_and_made_once():
    context = ssl_context()
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)
    assert context.cert_store_stats()["x509_ca"] > 50
    assert context is ssl_context()


def test_the_variables_win(monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert 0 == ssl_context().cert_store_stats()["x509_ca"]
    ssl_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert ssl_context().cert_store_stats()["x509_ca"] > 50


def test_empty_variables_are_unset(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert ssl_context().cert_store_stats()["x509_ca"] > 50


def _path(kind, folder):
    file = folder / "file"
    if kind == "empty":
        file.touch()
    if kind == "no certificate":
        file.write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    others = {"missing": folder / "no" / "such", "a folder": folder, "long": folder / ("x" * 5000)}
    return str(others.get(kind, file))


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        *product(["SSL_CERT_FILE"], ["missing", "a folder", "long", "empty", "no certificate"]),
        *product(["SSL_CERT_DIR"], ["missing", "long", "empty"]),
        *product(["SSLKEYLOGFILE"], ["missing", "a folder", "long"]),
    ],
)
def test_a_variable_that_names_nothing_usable_is_named(variable, kind, monkeypatch, tmp_path):
    monkeypatch.setenv(variable, _path(kind, tmp_path))
    with pytest.raises(ConfigurationError, match=variable):
        ssl_context()


def test_a_bad_variable_can_be_mended_while_the_process_runs(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with pytest.raises(ConfigurationError):
        ssl_context()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert ssl_context()
