"""Who posts as a helpdesk: a signature that a secret of the source made, or an API key for it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Final

from services.intake import problems
from services.intake.access import Access
from services.intake.core.hooks.signing import Request, SignatureRefusedError, is_signed, verify
from services.intake.hooks import problems as hook_problems
from services.intake.hooks.hooks_file import Source
from shared.access.keys import ApiKey, Scope

_BASIC: Final = "basic "


def let_in(
    access: Access,
    source: Source,
    request: Request,
    client: tuple[str, int] | None,
    now: Callable[[], datetime],
) -> ApiKey:
    """Return in whose name *request* comes.

    Where the source has secrets and the request is signed, the signature decides. Otherwise an API
    key must speak for the source: as a bearer token, or as the password of HTTP Basic, which is all
    that some products can send.

    Raises:
        Problem: 401 where neither proves it, 403 for a key of another source or scope.
    """
    signature = source.mapping.signature
    if signature is not None and source.secrets and is_signed(signature, request):
        try:
            verify(signature, request, source.secrets, now=now())
        except SignatureRefusedError as error:
            raise hook_problems.not_proven(error) from None
        return ApiKey(f"hook {source.name}", "", source.name, frozenset({Scope.INGEST}))
    authorization = request.headers.get("authorization")
    # Where anybody may post, a secret still asks for its signature.
    if source.secrets if access.is_open else authorization is None:
        raise hook_problems.nothing_proves_it(source)
    key = access.let_in(_as_bearer(authorization), client, Scope.INGEST)
    if key.source not in (None, source.name):
        raise hook_problems.foreign_key(source.name, key.source or "")
    return key


def _as_bearer(authorization: str | None) -> bytes | None:
    """Return the header with an API key that came as a password as a bearer's."""
    if authorization is None:
        return None
    if authorization[: len(_BASIC)].lower() != _BASIC:
        return authorization.encode("latin-1", "replace")
    try:
        pair = base64.b64decode(authorization[len(_BASIC) :].strip(), validate=True)
    except binascii.Error:
        raise problems.unauthorized() from None
    return b"Bearer " + pair.partition(b":")[2]
