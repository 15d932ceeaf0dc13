"""Make the secrets of a fresh installation with docker-compose.yml: `python3 deploy/new_secrets.py`.

Writes ``.env`` (passwords, the cluster's id) and ``deploy/secrets/intake-keys.yaml`` (hashes of
API keys), and says the helpdesk's key once. What is there already is never overwritten. It needs
nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
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
EXIT_DONE, EXIT_THERE = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, and return the exit code: 0 written, 1 something was there already."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", 1)[0])
    parser.add_argument("--into", type=Path, default=ROOT, help="the folder of docker-compose.yml")
    parser.add_argument(
        "--source", default="desk", help="the source that the helpdesk's key speaks for"
    )
    asked = parser.parse_args(arguments)
    env = asked.into / ".env"
    keys = asked.into / "deploy" / "secrets" / "intake-keys.yaml"
    there = [str(path) for path in (env, keys) if path.exists()]
    if there:
        sys.stderr.write(
            f"Already there, and left as it is: {', '.join(there)}. A new password would not fit a"
            " database that was made with the old one; move the file away if you mean it.\n"
        )
        return EXIT_THERE
    key = f"tl_helpdesk_{secrets.token_urlsafe(32)}"
    _write(env, _environment(), mode=0o600)
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Readable inside the container, whose user is another; the folder keeps others out here.
    _write(keys, _key_file(key, asked.source), mode=0o644)
    sys.stdout.write(
        f"Wrote {env} and {keys}.\n\nThe helpdesk's API key, which is not shown again:\n\n  {key}\n"
    )
    return EXIT_DONE


def _environment() -> str:
    rows = [f"KAFKA_CLUSTER_ID={_cluster_id()}"]
    rows += [f"{name}={secrets.token_hex(24)}" for name in PASSWORDS]
    return "\n".join(rows) + "\n"


def _key_file(key: str, source: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return (
        "# Who may post. `printf %s KEY | sha256sum` makes the hash of a key; see docs/operations.md."
        f"\nkeys:\n  - name: helpdesk\n    sha256: {digest}\n    source: {source}\n"
        "    scopes: [ingest]\n"
    )


def _cluster_id() -> str:
    """Return 16 random bytes as Kafka spells them; a leading dash would look like an option."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode()).startswith("-"):
        pass
    return text.rstrip("=")


def _write(path: Path, text: str, *, mode: int) -> None:
    path.touch(mode=mode)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


if __name__ == "__main__":
    sys.exit(main())
