"""`tierline policy history`: which version held when, and what each changed."""

from __future__ import annotations

from cli.output import AsJson, fail, print_json, show
from cli.policy.live import ESCALATOR, EscalatorUrl, LiveError, live
from cli.policy.shown import history_table


def history(escalator: EscalatorUrl = ESCALATOR, as_json: AsJson = False) -> None:
    """List the versions of the running system, the newest first; `*` marks the one in force.

    Each comes with the time from which it holds, who activated it and why, the digest of its
    content, and what it changed.

    Exit codes: 0 shown, 1 the escalator does not answer.
    """
    try:
        with live([escalator]) as system:
            found = system.history()
    except LiveError as error:
        fail("policy history", str(error))
    if as_json:
        print_json(found)
    else:
        show(history_table(found))
