"""The policies and rosters that are compared, as they were named at the terminal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from cli.output import WRONG_USE, fail
from cli.policy.live import ESCALATOR, LiveError, live
from cli.policy.sources import is_live, policy_from
from services.notifier.roster_file import RosterError, load_roster
from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, PolicyError, edited, load_policy_file
from shared.runtime.files import why_unreadable

_HEADING: Final = re.compile(r"^calendars:[ \t]*$", re.MULTILINE)
"""A file of calendars may be the section of a policy as it stands there, with comments above."""

ChangeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Change the candidate, as cells.S3.I1.t1_max=4h."
    ),
]
CalendarOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Give the candidate these `calendars`.")
]


def present(command: str, source: str | None, escalators: list[str] | None) -> Policy:
    """Return the policy that there is: the shipped one, a file, or one of the running system."""
    try:
        if source is None or not is_live(source):
            return load_policy_file(DEFAULT_POLICY if source is None else Path(source))
        with live(escalators or [ESCALATOR]) as system:
            return policy_from(source, system)
    except (PolicyError, LiveError) as error:
        fail(command, str(error))


def candidate(
    command: str, base: Policy, file: Path | None, calendars: Path | None, changes: list[str]
) -> Policy:
    """Return the policy that is thought of: *file*, or *base*, with what else was said."""
    edits: dict[str, str] = {}
    for change in changes:
        path, equals, value = change.partition("=")
        if not equals:
            fail(command, f"--set {change}: write PATH=VALUE", code=WRONG_USE)
        edits[path] = value
    if calendars is not None:
        edits["calendars"] = _HEADING.sub("", _text(command, calendars), count=1)
    try:
        policy = base if file is None else load_policy_file(file)
        return edited(policy, edits) if edits else policy
    except PolicyError as error:
        fail(command, str(error))


def roster_text(command: str, file: Path | None) -> str | None:
    """Return the text of a roster that can be loaded, None where none was named."""
    if file is None:
        return None
    text = _text(command, file)
    try:
        load_roster(text, name=str(file))
    except RosterError as error:
        fail(command, str(error))
    return text


def _text(command: str, file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(command, f"cannot read {file}: {why_unreadable(error)}", code=WRONG_USE)
