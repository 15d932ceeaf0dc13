"""Text into a policy, or everything that is wrong with it.

load_policy_file(path)   a file into a `Policy`
load_policy(text)        its text
check_policy(text)       every finding, warnings too
read_policy(text)        both: the policy, if it is one, and every finding
edited(policy, {...})    the next version, with some values changed
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from shared.policy.checks import check
from shared.policy.compiled import compiled
from shared.policy.document import Policy
from shared.policy.edits import with_edits
from shared.policy.findings import Finding, PolicyError
from shared.policy.shape.file import PolicyFile
from shared.policy.tree import Tree, UnreadableError, parse_tree
from shared.policy.wording import findings_of

__all__ = [
    "DEFAULT_POLICY",
    "Finding",
    "PolicyError",
    "check_policy",
    "edited",
    "load_policy",
    "load_policy_file",
    "read_policy",
]

DEFAULT_POLICY: Final = Path(__file__).parents[2] / "deploy" / "policy" / "default.yaml"
"""The policy that ships with Tierline."""


def load_policy(text: str, *, name: str = "policy") -> Policy:
    """Return the policy that *text* writes; *name* is how errors call the file.

    Raises:
        PolicyError: Something keeps it from loading; `findings` has every error found.
    """
    policy, findings = read_policy(text)
    if policy is None:
        raise PolicyError(name, [one for one in findings if one.severity == "error"])
    return policy


def read_policy(text: str) -> tuple[Policy | None, list[Finding]]:
    """Return the policy that *text* writes, None where an error keeps it from loading, and all findings."""
    file, tree, findings = _read(text)
    if file is None or tree is None or any(one.severity == "error" for one in findings):
        return None, findings
    return compiled(file, text=text, digest=_digest(tree)), findings


def load_policy_file(path: Path) -> Policy:
    """Return the policy in the file *path*.

    Raises:
        PolicyError: It cannot be read or loaded.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise PolicyError(str(path), [_whole(reason, "Name a policy file.")]) from error
    except UnicodeDecodeError as error:
        raise PolicyError(str(path), [_whole("not UTF-8 text", "Save it as UTF-8.")]) from error
    return load_policy(text, name=str(path))


def check_policy(text: str) -> list[Finding]:
    """Return everything worth saying about the policy that *text* writes, by line."""
    return _read(text)[2]


def edited(policy: Policy, edits: Mapping[str, str]) -> Policy:
    """Return the next version of *policy* with *edits* made; comments and layout stay.

    Args:
        policy: The version to start from.
        edits: New values, as YAML, by key path: `{"cells.S3.I1.t1_max": "4h"}`.

    Raises:
        PolicyError: A path is not in the policy, a value is not accepted there, or the whole
            would not hold together.
    """
    name = f"{policy.name} version {policy.version + 1}"
    text = with_edits(policy.text, {**edits, "policy.version": str(policy.version + 1)}, name)
    return load_policy(text, name=name)


def _read(text: str) -> tuple[PolicyFile | None, Tree | None, list[Finding]]:
    try:
        tree = parse_tree(text)
    except UnreadableError as error:
        return None, None, error.findings
    try:
        file = PolicyFile.model_validate(tree.root)
    except ValidationError as error:
        return None, tree, findings_of(error, tree)
    findings = [
        Finding(
            tree.line_of(problem.path),
            problem.key,
            problem.severity,
            problem.message,
            problem.remedy,
        )
        for problem in check(file)
    ]
    return file, tree, sorted(findings, key=lambda one: one.line or 0)


def _digest(tree: Tree) -> str:
    canonical = json.dumps(tree.root, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _whole(message: str, remedy: str) -> Finding:
    return Finding(None, "", "error", message, remedy)
