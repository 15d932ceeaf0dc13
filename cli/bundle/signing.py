"""Bundles signed with Ed25519: who made one, and that nobody has changed it since."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from shared.runtime.files import why_unreadable

ALGORITHM: Final = "ed25519"
_FOR_THE_OWNER: Final = 0o600


class SignatureError(Exception):
    """A key cannot be used, or a bundle is not what was signed; the message says which."""


def new_key(private: Path) -> Path:
    """Write a new key into *private*, for its owner alone, and its public half beside it.

    Returns:
        The file of the public half, `NAME.pub`.

    Raises:
        SignatureError: There is such a file already, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.with_name(f"{private.name}.pub")
    try:
        private.touch(mode=_FOR_THE_OWNER, exist_ok=False)
        private.write_bytes(secret)
        public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
    except OSError as error:
        msg = f"cannot write {private}: {error.strerror}; a key is never overwritten"
        raise SignatureError(msg) from None
    return public


def signed(document: Mapping[str, Any], private: Path) -> dict[str, Any]:
    """Return *document* with the signature of the key in *private*.

    Raises:
        SignatureError: That is no private key of Ed25519.
    """
    try:
        key = load_pem_private_key(private.read_bytes(), password=None)
    except OSError as error:
        msg = (
            f"cannot read {private}: {why_unreadable(error)}; make a key: tierline bundle key FILE"
        )
        raise SignatureError(msg) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = f"{private} is no private key; make one: tierline bundle key FILE"
        raise SignatureError(msg) from None
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{private} is no key of Ed25519; make one: tierline bundle key FILE"
        raise SignatureError(msg)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        "bundle": dict(document),
        "signature": {
            "algorithm": ALGORITHM,
            "key": b64encode(public).decode(),
            "value": b64encode(key.sign(canonical(document))).decode(),
        },
    }


def verified(whole: Mapping[str, Any], trusted: Path | None) -> tuple[dict[str, Any], str]:
    """Return the document in a signed file and the key that signed it, base64.

    Args:
        whole: The file.
        trusted: The public key that must have signed it; None takes the one that the file names,
            which shows only that nobody changed it without signing it anew.

    Raises:
        SignatureError: It is not what was signed, or not signed by that key.
    """
    try:
        document, signature = dict(whole["bundle"]), whole["signature"]
        named = b64decode(signature["key"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(named)
        value = b64decode(signature["value"], validate=True)
    except (KeyError, TypeError, ValueError):
        msg = "it is no signed bundle; tierline bundle export writes one"
        raise SignatureError(msg) from None
    if trusted is not None and _raw(trusted) != named:
        msg = f"it is signed by another key than the one in {trusted}"
        raise SignatureError(msg)
    try:
        key.verify(value, canonical(document))
    except InvalidSignature:
        msg = "its signature does not fit: it was changed after it was signed"
        raise SignatureError(msg) from None
    return document, signature["key"]


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed: JSON with sorted keys, without blanks, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _raw(file: Path) -> bytes:
    try:
        key = load_pem_public_key(file.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        msg = f"{file} is no public key: {error}"
        raise SignatureError(msg) from None
    if not isinstance(key, Ed25519PublicKey):
        msg = f"{file} is no public key of Ed25519"
        raise SignatureError(msg)
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
