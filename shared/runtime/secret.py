"""Secrets by reference: files that people write name them, this reads them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from shared.contract.errors import PermanentError, Reason

REFERENCE: Final = re.compile(r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")
MARKS: Final = (
    "whsec_",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "hooks.slack.com/services/",
    "webhook.office.com/",
    "discord.com/api/webhooks/",
    "ghp_",
    "sk_live_",
    "AKIA",
    "-----BEGIN",
)
USER_INFO: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@", re.IGNORECASE)
KEY_LIKE: Final = re.compile(r"^(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/_=-]{32,}$")


class MissingSecretError(PermanentError):
    """A reference that leads to nothing."""

    reason = Reason.SETTINGS_INVALID

    def __init__(self, reference: str) -> None:
        super().__init__(f"nothing is found at {reference!r}: set it, or correct the reference")
        self.reference = reference


def is_reference(text: str) -> bool:
    """Say whether *text* names a secret (``env:NAME``, ``file:PATH``)."""
    return REFERENCE.match(text) is not None


def looks_like_a_secret(text: str) -> bool:
    """Say whether *text* is better not written in a file that is shared and versioned."""
    if is_reference(text):
        return False
    marked = any(mark in text for mark in MARKS)
    return marked or bool(USER_INFO.match(text)) or bool(KEY_LIKE.match(text))


def resolve(text: str, environ: Mapping[str, str]) -> SecretStr:
    """Return what *text* stands for: the secret it refers to, or itself if it is no reference.

    Raises:
        MissingSecretError: If the variable is unset or empty, or the file cannot be read.
    """
    if not is_reference(text):
        return SecretStr(text)
    kind, _, where = text.partition(":")
    if kind == "env":
        found = environ.get(where, "")
    else:
        try:
            found = Path(where).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise MissingSecretError(text) from error
    if not found:
        raise MissingSecretError(text)
    return SecretStr(found)
