"""When keys were last used, asked of a running intake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import httpx2
from pydantic import TypeAdapter, ValidationError

from cli.key_file import KeyFileError, authorization
from services.intake.keys_api import KnownKey

_PATIENCE_S: Final = 15.0
_KEYS: Final = TypeAdapter(list[KnownKey])


class LastUseError(Exception):
    """Intake does not answer, or not to us; the message says what to do."""


def last_uses(intake: str, key_file: Path | None) -> dict[str, datetime | None]:
    """Return when the keys that *intake* knows were last used, by their ids.

    Raises:
        LastUseError: It does not say.
    """
    url = f"{intake.rstrip('/')}/v1/keys"
    try:
        headers = authorization(key_file)
        answer = httpx2.get(url, headers=headers, timeout=_PATIENCE_S, trust_env=False)
        if answer.is_error:
            said = answer.json()
            msg = f"{url}: {said['detail']}. {said['do']}"
            raise LastUseError(msg)
        return {one.id: one.last_used for one in _KEYS.validate_json(answer.content)}
    except KeyFileError as error:
        raise LastUseError(str(error)) from None
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        msg = f"{url} does not answer ({error}); is it up, and is that its address?"
        raise LastUseError(msg) from None
    except (ValidationError, ValueError, KeyError, TypeError):
        msg = f"what answers at {url} is no intake of this version"
        raise LastUseError(msg) from None
