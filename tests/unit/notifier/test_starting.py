"""A notifier that could not tell everybody does not start, and says what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from services.notifier.channels.build import names, roster, secret
from services.notifier.settings import Settings
from shared.runtime.run import EXIT_REFUSED
from shared.runtime.settings import SettingsError
from tests.support.notifier_service import ROSTER, SECRET

LEAST = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}
MAIL = {"NOTIFIER_SMTP_HOST": "mail.test", "NOTIFIER_MAIL_FROM": "t@example.org"}
CLEO = {"CLEO_URL": "https://hooks.example.org/cleo", "CLEO_SECRET": SECRET}

RECEIPTS_ALONE_BY_MAIL = """
roster: {name: receipts, version: 1}
modes: {page: [console]}
people: {ana: {name: Ana Abel, console: true}}
roles: {t1: ana}
receipts: {channel: email}
"""


@pytest.fixture
def roster_file(tmp_path: Path) -> str:
    path = tmp_path / "roster.yaml"
    path.write_text(ROSTER, encoding="utf-8")
    return str(path)


def refusal(environ: dict[str, str]) -> str:
    """Return why a notifier with *environ* does not start."""
    try:
        settings = Settings.from_env(LEAST | environ)
        roster(settings, names(settings), environ, {})
    except SettingsError as error:
        return str(error)
    raise AssertionError("it would start")


def test_people_whose_only_way_is_not_set_up_are_named(roster_file: str) -> None:
    said = refusal({"NOTIFIER_ROSTER_FILE": roster_file, **CLEO})
    assert "ana: none of its ways is set up" in said
    assert "cleo" not in said
    assert "NOTIFIER_SMTP_HOST" in said


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"CLEO_URL": CLEO["CLEO_URL"]}, "nothing is found at 'env:CLEO_SECRET'"),
        ({"CLEO_SECRET": SECRET}, "nothing is found at 'env:CLEO_URL'"),
        ({**CLEO, "CLEO_SECRET": "é no base64"}, "its webhook secret is no base64"),
    ],
)
def test_a_webhook_without_its_address_or_secret_is_named(
    roster_file: str, environ: dict[str, str], expected: str
) -> None:
    said = refusal({"NOTIFIER_ROSTER_FILE": roster_file, **MAIL, **environ})
    assert f"cleo: {expected}" in said
    assert "no base64 é" not in said


def test_receipts_by_mail_need_a_relay(tmp_path: Path) -> None:
    path = tmp_path / "roster.yaml"
    path.write_text(RECEIPTS_ALONE_BY_MAIL, encoding="utf-8")
    environ = {"NOTIFIER_ROSTER_FILE": str(path)}
    said = refusal(environ)
    assert "receipts: email is not set up" in said
    assert "NOTIFIER_SMTP_HOST" in said
    assert "none of its ways" not in said
    settings = Settings.from_env(LEAST | environ | MAIL)
    assert roster(settings, names(settings), environ, {}).receipts is not None


def test_a_dry_run_needs_no_way_out(roster_file: str) -> None:
    environ = {"NOTIFIER_ROSTER_FILE": roster_file, "NOTIFIER_DRY_RUN": "true"}
    settings = Settings.from_env(LEAST | environ)
    people = roster(settings, names(settings), environ, {})
    assert people.ways(people.contacts["cleo"], "page") == ("webhook", "email")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"NOTIFIER_SMTP_HOST": "mail.test"}, "NOTIFIER_MAIL_FROM"),
        ({**MAIL, "NOTIFIER_SMTP_USER": "u"}, "both NOTIFIER_SMTP_USER and NOTIFIER_SMTP_PASSWORD"),
        (
            {
                **MAIL,
                "NOTIFIER_SMTP_USER": "u",
                "NOTIFIER_SMTP_PASSWORD": "p",
                "NOTIFIER_SMTP_SECURITY": "none",
            },
            "in the clear",
        ),
        ({"NOTIFIER_SEND_DEADLINE": "PT1M"}, "at most PT15S"),
        ({"NOTIFIER_WEBHOOK_ALLOW": "localhost"}, "NOTIFIER_WEBHOOK_ALLOW"),
        ({"NOTIFIER_HOLD_UNCLEAR": "pigeon"}, "NOTIFIER_HOLD_UNCLEAR"),
        ({"NOTIFIER_ROSTER_FILE": "/nowhere.yaml"}, "cannot be read"),
        ({**MAIL, "NOTIFIER_ROSTR_FILE": "x"}, "NOTIFIER_ROSTR_FILE: no such setting"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_a_remedy(
    environ: dict[str, str], expected: str
) -> None:
    assert expected in refusal(environ)


def test_a_password_is_read_from_where_its_setting_says(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n", encoding="utf-8")
    environ = {
        **MAIL,
        "NOTIFIER_SMTP_USER": "u",
        "NOTIFIER_SMTP_PASSWORD": f"file:{tmp_path}/password",
    }
    found = secret("smtp_password", Settings.from_env(LEAST | environ), environ)
    assert found is not None
    assert found.get_secret_value() == "s3cret"
    missing = environ | {"NOTIFIER_SMTP_PASSWORD": "env:NOT_SET"}
    with pytest.raises(SettingsError, match="NOTIFIER_SMTP_PASSWORD: nothing is found"):
        secret("smtp_password", Settings.from_env(LEAST | missing), missing)


def test_the_process_refuses_with_78_before_it_connects_to_anything() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.notifier"],
        env=LEAST,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == EXIT_REFUSED
    assert "names people who cannot be told" in done.stderr
