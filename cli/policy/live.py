"""The running system, asked about policies: intake takes them in, the escalators decide by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer
from pydantic_core import from_json

from cli.key_file import KeyFileError, authorization

INTAKE: Final = "http://127.0.0.1:8081"
ESCALATOR: Final = "http://127.0.0.1:8082"

IntakeUrl = Annotated[str, typer.Option("--intake", metavar="URL", help="Where intake is.")]
EscalatorUrl = Annotated[
    str, typer.Option("--escalator", metavar="URL", help="Where an escalator is.")
]
EscalatorUrls = Annotated[
    list[str] | None,
    typer.Option(
        "--escalator",
        metavar="URL",
        help="Where an escalator is; several times where cases are split over several databases, one"
        f" of each. [default: {ESCALATOR}]",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", metavar="FILE", help="A file that holds intake's API key, alone."),
]

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 60.0


class LiveError(Exception):
    """The running system is away or says no; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Live:
    """A client of one installation."""

    client: httpx2.Client
    escalators: Sequence[str]
    intake: str = INTAKE

    def history(self, escalator: str | None = None) -> dict[str, Any]:
        """Return every version that *escalator*, by default the first, knows of.

        Raises:
            LiveError: It does not answer.
        """
        return self._json("GET", f"{escalator or self.escalators[0]}/v1/policies")

    def version(self, which: str) -> dict[str, Any]:
        """Return the version *which*, a number or `active`, with its text.

        Raises:
            LiveError: There is none, or the escalator does not answer.
        """
        return self._json("GET", f"{self.escalators[0]}/v1/policies/{which}")

    def activate(self, text: str, query: dict[str, str]) -> dict[str, Any]:
        """Have intake activate *text*, and return its receipt.

        Raises:
            LiveError: It refuses, or does not answer.
        """
        return self._json("POST", f"{self.intake}/v1/policies", text, query)

    def preview(self, text: str, active_from: datetime | None) -> Iterator[dict[str, Any]]:
        """Yield what *text* would change for open cases, line by line, `end` being the last.

        Raises:
            LiveError: Some escalator refuses, does not answer, or breaks off.
        """
        query = {} if active_from is None else {"active_from": active_from.isoformat()}
        for url in self.escalators:
            last = ""
            with (
                _answered(url),
                self.client.stream(
                    "POST", f"{url}/v1/policies/preview", content=text.encode(), params=query
                ) as answer,
            ):
                if answer.is_error:
                    answer.read()
                    raise LiveError(_reason(answer))
                for line in answer.iter_lines():
                    told = from_json(line)
                    last = told["type"]
                    yield told
            if last != "end":
                msg = f"{url} broke off before it had looked at every case; ask again"
                raise LiveError(msg)

    def _json(
        self, method: str, url: str, text: str = "", query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        with _answered(url):
            answer = self.client.request(method, url, content=text.encode(), params=query or {})
        if answer.is_error:
            raise LiveError(_reason(answer))
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def live(
    escalators: Sequence[str] | None, intake: str = INTAKE, key_file: Path | None = None
) -> Iterator[Live]:
    """Give a client of the system at these addresses.

    Raises:
        LiveError: *key_file* cannot be read.
    """
    headers = {"content-type": "application/yaml"}
    try:
        headers |= authorization(key_file)
    except KeyFileError as error:
        raise LiveError(str(error)) from None
    timeout = httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S)
    with httpx2.Client(trust_env=False, timeout=timeout, headers=headers) as client:
        yield Live(
            client, [url.rstrip("/") for url in escalators or [ESCALATOR]], intake.rstrip("/")
        )


@contextmanager
def _answered(url: str) -> Iterator[None]:
    try:
        yield
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        msg = f"{url} does not answer ({error}); is it up, and is that its address?"
        raise LiveError(msg) from None


def _reason(answer: httpx2.Response) -> str:
    """Return the problem in *answer* as a sentence or a few, every line of a policy among them."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{answer.url} answered {answer.status_code}"
    told = [f"{problem.get('title', answer.status_code)}: {problem.get('detail', '')}."]
    told += [
        f"\n  line {one['line']}: {one['key']}: {one['message']}. {one['do']}"
        for one in problem.get("errors", ())
    ]
    return "".join(told) + f"{chr(10) if len(told) > 1 else ' '}{problem.get('do', '')}"
