"""Write the lock of Kafka's jars anew: ``python -m cli.embedded.lock``.

Run it after a version in ``cli.embedded.maven.KAFKA`` changed, and review the difference.
"""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from cli.embedded.jars import LOCK_FILE
from cli.embedded.maven import KAFKA, resolve_kafka


def write_lock(path: Path = LOCK_FILE) -> int:
    """Resolve Kafka's jars from scratch, write the lock to *path*, return how many they are.

    Raises:
        JarsUnavailableError: A coordinate could not be resolved or fetched.
    """
    with tempfile.TemporaryDirectory(prefix="tierline-lock-") as folder:
        jars = resolve_kafka(Path(folder))
    content = {"roots": list(KAFKA), "jars": [asdict(jar) for jar in jars]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return len(jars)


if __name__ == "__main__":
    Console(stderr=True).print(f"{LOCK_FILE}: {write_lock()} jars", highlight=False)
