"""Where a policy comes from: a file, or a version of the running system."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cli.policy.live import Live
from shared.policy.document import Policy
from shared.policy.load import load_policy, load_policy_file
from shared.policy.report import Report, refusal, report_on

ACTIVE: Final = "active"
"""The version in force."""


def is_live(source: str) -> bool:
    """Whether *source* names a version of the running system: `active`, or a number."""
    return source == ACTIVE or source.isdecimal()


def policy_from(source: str, live: Live) -> Policy:
    """Return the policy that *source* names.

    Raises:
        LiveError: The running system has no such version, or does not answer.
        PolicyError: The file cannot be read or loaded.
    """
    if not is_live(source):
        return load_policy_file(Path(source))
    found = live.version(source)
    return load_policy(found["text"], name=f"version {found['version']}")


def checked(file: Path) -> Report:
    """Return what there is to say about *file*, also where it cannot be read."""
    try:
        return report_on(file.read_bytes())
    except OSError as error:
        return refusal(error.strerror or "it cannot be read", "Name a policy file.")
