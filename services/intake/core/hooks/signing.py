"""Whether a request is the helpdesk's own: an HMAC over the raw body, and not an old one."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.intake.core.hooks.shape import Signature
from shared.contract.errors import PermanentError, Reason
from shared.mapping.sections import TimeNotation

TOLERANCE: Final = timedelta(minutes=5)
"""How far the time of signing may be from ours, either way."""

_WHSEC: Final = "whsec_"
_NAMED: Final = re.compile(r"\{(timestamp|id|method|url)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed.

    Attributes:
        method: In capitals.
        url: Where the product posted to, as it calls it.
        headers: By their names in lower case.
        body: The bytes as they came.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class SignatureRefusedError(PermanentError):
    """A request is not provably the helpdesk's own; *code* and *remedy* say what is missing."""

    reason = Reason.INVALID_FIELD

    def __init__(self, code: str, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.code = code
        self.remedy = remedy


def is_signed(signature: Signature, request: Request) -> bool:
    """Return whether *request* bears a signature at all."""
    return signature.header.lower() in request.headers


def verify(
    signature: Signature, request: Request, secrets: Sequence[bytes], *, now: datetime
) -> None:
    """Return if one of *secrets* signed *request* lately.

    How long it takes says nothing of the secrets: every one is tried, each in constant time.

    Raises:
        SignatureRefusedError: None did, or the signature is missing or too old.
    """
    given = request.headers.get(signature.header.lower())
    if given is None:
        raise _refused("signature_missing", f"the header {signature.header} is missing", signature)
    stamp = _stamp(signature, request)
    content = _content(signature, request, stamp)
    found = given.split() if signature.several else [given]
    matches = [
        hmac.compare_digest(_signed(signature, secret, content).encode(), one.encode())
        for secret in secrets
        for one in found
    ]
    if not any(matches):
        raise _refused(
            "signature_wrong", "no secret of this source makes that signature", signature
        )
    if signature.timestamp is not None and stamp is not None:
        _check_age(signature.timestamp.format, stamp, now)


def key_of(secret: str, signature: Signature) -> bytes:
    """Return the bytes that *secret* stands for.

    Raises:
        ValueError: It is not in the form that the product gives out.
    """
    if signature.key_form == "text":
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
    except binascii.Error as error:
        msg = f"it is not base64: {error}"
        raise ValueError(msg) from None


def _stamp(signature: Signature, request: Request) -> str | None:
    if signature.timestamp is None:
        return None
    header = signature.timestamp.header
    stamp = request.headers.get(header.lower())
    if stamp is None:
        raise _refused("signature_missing", f"the header {header} is missing", signature)
    return stamp


def _content(signature: Signature, request: Request, stamp: str | None) -> bytes:
    named = (
        "" if signature.id_header is None else request.headers.get(signature.id_header.lower(), "")
    )
    parts = {"timestamp": stamp or "", "id": named, "method": request.method, "url": request.url}
    before, _, after = signature.signed.partition("{body}")
    filled = [_NAMED.sub(lambda one: parts[one[1]], text) for text in (before, after)]
    return filled[0].encode() + request.body + filled[1].encode()


def _signed(signature: Signature, secret: bytes, content: bytes) -> str:
    digest = hmac.new(secret, content, signature.algorithm).digest()
    text = digest.hex() if signature.encoding == "hex" else base64.b64encode(digest).decode()
    return f"{signature.prefix}{text}"


def _check_age(notation: str, stamp: str, now: datetime) -> None:
    try:
        signed_at = TimeNotation(format=notation, zone="UTC").read(stamp)
    except ValueError:
        signed_at = None
    if signed_at is None or abs(now - signed_at) > TOLERANCE:
        raise SignatureRefusedError(
            "signature_stale",
            f"it was signed at {stamp[:40]}, more than 5 minutes from now",
            "Send it anew instead of repeating the old request; check both clocks.",
        )


def _refused(code: str, detail: str, signature: Signature) -> SignatureRefusedError:
    return SignatureRefusedError(
        code,
        detail,
        f"Sign with {signature.header} by a secret that INTAKE_HOOKS_FILE lists for this source.",
    )
