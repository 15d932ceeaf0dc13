"""What is shown of a body holds nothing that should not be seen."""

from __future__ import annotations

from services.intake.core.hooks.redaction import HIDDEN, redacted, shown_headers


def test_secrets_and_mail_addresses_are_hidden_and_long_texts_cut() -> None:
    shown = redacted(
        {
            "user": {"password": "hunter2", "apiKey": 7, "email": "otto.brandt@customer.example"},
            "list": [{"access_token": {"deep": "x"}}, "see otto@customer.example now"],
            "verified_token": True,
            "text": "x" * 1000,
        }
    )
    assert shown["user"] == {"password": HIDDEN, "apiKey": HIDDEN, "email": "…@customer.example"}
    assert shown["list"] == [{"access_token": HIDDEN}, "see …@customer.example now"]
    assert shown["verified_token"] is True
    assert len(shown["text"]) < 400


def test_headers_that_prove_who_sends_are_hidden() -> None:
    given = {
        "authorization": "Bearer tl_x",
        "cookie": "a=b",
        "x-hub-signature-256": "sha256=00",
        "x-github-event": "issues",
    }
    shown = shown_headers(given)
    assert [name for name, text in shown.items() if text == HIDDEN] == list(given)[:3]
    assert shown["x-github-event"] == "issues"
