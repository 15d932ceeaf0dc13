"""Why an escalation begins and why it ends, in the words that everybody uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRIGGERS: Final[Mapping[str, str]] = {
    "T01": "half of the time for the first reply is used",
    "T02": "three quarters of the time for the first reply are used",
    "T03": "the first reply is overdue",
    "T04": "the next reply to the customer is overdue",
    "T05": "an update to the customer is overdue",
    "T06": "tier 1 has had it for as long as tier 1 may",
    "T07": "tier 2 has had it for as long as tier 2 may",
    "T08": "half of the time to resolve it is used",
    "T09": "three quarters of the time to resolve it are used",
    "T10": "nine tenths of the time to resolve it are used",
    "T11": "the promised time to resolve it has passed",
    "T12": "it was reopened",
    "T13": "it was reopened a second time",
    "T14": "it was reopened a third time or more",
    "T15": "it was handed about three times without progress",
    "T16": "the customer asks for a manager",
    "T17": "the department has not answered in time",
    "T18": "the department's update is overdue",
    "T19": "it was taken on, but nothing has happened since",
    "T20": "it became worse",
    "T21": "there is no higher tier to go to",
    "T22": "it has been open so long that the executive must know",
    "start": "it begins above tier 1 by its severity and impact",
    "manual": "a person asked for it",
    "return": "it was returned a second time",
    "decline": "the department declined it",
    "info_debt": "information that is owed with it is overdue",
    "restored": "it came back with the undoing of a merge, a cancellation or a late event",
}
"""What each trigger of the policy means (Triggers), as the rest of "because …"."""

ENDINGS: Final[Mapping[str, str]] = {
    "resolved": "the ticket is resolved",
    "superseded": "a higher escalation has taken its place",
    "withdrawn": "its reason no longer holds",
    "returned": "it was returned for more information",
    "declined": "it was declined",
    "de_escalated": "the case is stable and has left the tier",
    "acknowledged": "somebody has taken it on",
}
"""What each end of an escalation means; `acknowledged` is how a call ends."""
