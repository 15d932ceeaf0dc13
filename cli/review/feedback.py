"""`tierline review ask|import`: short forms after an escalation or a shift, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx2
import typer
from pydantic_core import from_json, to_json

from cli.key_file import KeyFileError, authorization
from cli.output import WRONG_USE, AsJson, fail, print_json
from cli.policy.live import INTAKE, IntakeUrl, KeyFile
from shared.contract.ids import spelled_id, split_key
from shared.contract.sentences import counted
from shared.contract.times import instant, parse_instant, rfc3339
from shared.review.voices import QUESTIONS, UnreadableAnswerError, answered, blank
from shared.runtime.clock import Clock

_PATIENCE_S = 30.0
_BATCH = 100


def ask(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The key, such as desk:INC42.")],
    form: Annotated[str, typer.Option(help="receiver, sender, shift or customer.")] = "receiver",
    escalation: Annotated[
        str | None, typer.Option("--escalation", metavar="ID", help="Which escalation.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="It is JSON in any case.")] = True,
) -> None:
    """Print an empty form as one line of JSON, to be filled in and imported; words on standard error.

    Exit codes: 0 printed, 2 wrong use.
    """
    del json_output
    if form not in QUESTIONS:
        fail("review ask", f"--form {form}: there are {', '.join(QUESTIONS)}", code=WRONG_USE)
    for one in QUESTIONS[form]:
        choices = f" ({' / '.join(one.choices)})" if one.choices else ""
        typer.echo(f"{one.name}: {one.words}{choices}", err=True)
    typer.echo(to_json(blank(form, ticket, escalation)).decode())


def import_answers(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Filled forms, one JSON a line.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write events instead of posting."),
    ] = None,
    intake: IntakeUrl = INTAKE,
    key_file: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Turn filled forms into `feedback.given` events, and post them to intake or write them.

    The same form gives the same event, so importing twice has no effect.

    Exit codes: 0 done, 1 a form cannot be read or intake refuses, 2 wrong use.
    """
    events = [_event(one, number) for number, one in _records(file)]
    if output is not None:
        try:
            output.write_bytes(b"".join(to_json(one) + b"\n" for one in events))
        except OSError as error:
            fail("review import", f"cannot write {output}: {error.strerror}", code=WRONG_USE)
    else:
        _post(events, intake, key_file)
    if as_json:
        print_json({"events": len(events)})
    else:
        typer.echo(f"{counted(len(events), 'form')} imported.")


def _records(file: Path) -> list[tuple[int, Mapping[str, Any]]]:
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        fail("review import", f"cannot read {file}: {error.strerror}", code=WRONG_USE)
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, _form(line)))
        except UnreadableAnswerError as error:
            fail("review import", f"{file}, line {number}: {error}")
    return found


def _form(line: bytes) -> Mapping[str, Any]:
    try:
        record = from_json(line)
    except ValueError:
        record = None
    if not isinstance(record, Mapping):
        msg = "it is no form; `tierline review ask` prints one to fill in"
        raise UnreadableAnswerError(msg)
    answered(record)
    try:
        split_key(str(record.get("ticket", "")))
        if record.get("at") is not None:
            parse_instant(str(record["at"]))
    except ValueError as error:
        raise UnreadableAnswerError(str(error)) from None
    return record


def _event(record: Mapping[str, Any], number: int) -> dict[str, Any]:
    try:
        answers = answered(record)
    except UnreadableAnswerError as error:
        fail("review import", f"line {number}: {error}")
    source, subject = split_key(record["ticket"])
    who = record.get("by") or "somebody"
    identity = f"feedback:{subject}:{record.get('escalation_id')}:{answers['form']}:{who}"
    return {
        "specversion": "1.0",
        "id": spelled_id(identity),
        "source": source,
        "type": "feedback.given",
        "subject": subject,
        "time": record.get("at") or rfc3339(instant(Clock().now())),
        "data": {
            "by": record.get("by"),
            "escalation_id": record.get("escalation_id"),
            "answers": answers,
        },
    }


def _post(events: list[dict[str, Any]], intake: str, key_file: Path | None) -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    try:
        headers |= authorization(key_file)
        with httpx2.Client(trust_env=False, timeout=_PATIENCE_S, headers=headers) as client:
            for begin in range(0, len(events), _BATCH):
                body = to_json(events[begin : begin + _BATCH])
                answer = client.post(f"{intake.rstrip('/')}/v1/events", content=body)
                if refused := _refusal(answer):
                    fail("review import", f"{intake} refuses: {refused}")
    except KeyFileError as error:
        fail("review import", str(error), code=WRONG_USE)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        fail("review import", f"{intake} does not answer ({error}); is it up?")


def _refusal(answer: httpx2.Response) -> str:
    """Return why *answer* takes the batch, or the first form that it refuses, not; empty: it does."""
    if answer.status_code == httpx2.codes.ACCEPTED:
        return ""
    try:
        told = answer.json()
        if isinstance(told, list):
            told = next(one["problem"] for one in told if "problem" in one)
        return f"{told['detail']}. {told['do']}"
    except (ValueError, KeyError, TypeError, StopIteration):
        return f"what answers there is no intake of this version ({answer.status_code})"
