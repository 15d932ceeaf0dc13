"""Make the secrets of a fresh installation with docker-compose.yml: `python3 deploy/new_secrets.py`.

Writes ``.env`` (passwords, the cluster's id) and ``deploy/secrets/`` (intake's list of API keys as
hashes, the notifier's keys), and says the helpdesk's key once. What is there already is never
overwritten. It needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORDS = (
    "DATABASE_PASSWORD_OWNER",
    "DATABASE_PASSWORD_ESCALATOR",
    "DATABASE_PASSWORD_NOTIFIER",
    "DATABASE_PASSWORD_TRACKER",
)
ANY_SOURCE = "*"
EXIT_DONE, EXIT_THERE = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, and return the exit code: 0 written, 1 something was there already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--into", type=Path, default=ROOT, help="the folder of docker-compose.yml")
    parser.add_argument(
        "--source", default="desk", help="the source that the helpdesk's key speaks for"
    )
    asked = parser.parse_args(arguments)
    files = _files(asked.into, helpdesk := _new_key("helpdesk"), asked.source)
    there = [str(path) for path in files if path.exists()]
    if there:
        sys.stderr.write(
            f"Already there, so nothing was written: {', '.join(there)}. A new password would not"
            " fit a database that was made with the old one; move the files away if you mean it.\n"
        )
        return EXIT_THERE
    for path, text in files.items():
        _write(path, text)
    written = "\n".join(f"  {path}" for path in files)
    sys.stdout.write(
        f"Wrote\n{written}\n\nThe helpdesk's API key, which is not shown again:\n\n  {helpdesk}\n"
    )
    return EXIT_DONE


def _files(folder: Path, helpdesk: str, source: str) -> dict[Path, str]:
    """Return every file and what shall be in it."""
    keys = folder / "deploy" / "secrets"
    notifier = _new_key("notifier")
    return {
        folder / ".env": _environment(),
        keys / "intake-keys.yaml": (
            "# Who may post. A key's hash: printf %s KEY | sha256sum; see docs/operations.md.\n"
            f"keys:\n{_entry('helpdesk', helpdesk, source)}{_entry('notifier', notifier, ANY_SOURCE)}"
        ),
        keys / "notifier-intake-key": notifier + "\n",
        keys / "notifier-operator-key": _new_key("operator") + "\n",
    }


def _new_key(holder: str) -> str:
    return f"tl_{holder}_{secrets.token_urlsafe(32)}"


def _entry(name: str, key: str, source: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"  - name: {name}\n    sha256: {digest}\n    source: {json.dumps(source)}\n    scopes: [ingest]\n"


def _environment() -> str:
    rows = [f"KAFKA_CLUSTER_ID={_cluster_id()}"]
    rows += [f"{name}={secrets.token_hex(24)}" for name in PASSWORDS]
    return "\n".join(rows) + "\n"


def _cluster_id() -> str:
    """Return 16 random bytes as Kafka spells them; a leading dash would look like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()).startswith("-"):
        pass
    return text.rstrip("=")


def _write(path: Path, text: str) -> None:
    inside = path.parent.name == "secrets"
    path.parent.mkdir(mode=0o700 if inside else 0o777, parents=True, exist_ok=True)
    # Inside a container another user reads it, so the folder is what keeps others out here.
    mode = 0o644 if inside else 0o600
    path.touch(mode=mode)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


if __name__ == "__main__":
    sys.exit(main())
