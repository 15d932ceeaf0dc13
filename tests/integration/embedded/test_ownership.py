"""Who may run a folder's servers, and what is left when their owner is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from cli.embedded.claim import claimed
from cli.embedded.errors import EmbeddedError, FolderInUseError, ServerStartError
from cli.embedded.kafka_probe import ask_broker
from cli.embedded.postgres import PostgresServer
from cli.embedded.process import ServerSpec, launch
from cli.embedded.servers import Servers
from tests.support.servers import FOR_TESTS, server_home

OWNER = """
import json, signal, sys
from pathlib import Path
from cli.embedded.servers import Servers

servers = Servers(Path(sys.argv[1]), {})
addresses = servers.start()
print(json.dumps({
    "kafka": servers.kafka.pid,
    "postgres": servers.postgres.pid,
    "bootstrap": addresses.bootstrap_servers,
}), flush=True)
signal.pause()
"""


@contextmanager
def an_owner(home: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """Another process that has started both servers of *home*, and what it says of them."""
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    ) as owner:
        try:
            assert owner.stdout is not None
            yield owner, json.loads(owner.stdout.readline())
        finally:
            owner.kill()


def gone(pid: int, *, within_s: float) -> bool:
    """Return whether *pid* ends within *within_s* seconds; a zombie has, whoever may reap it."""
    give_up_at = time.monotonic() + within_s
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > give_up_at:
                return False
            time.sleep(0.02)
    return True


def tree(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def test_nothing_is_left_of_a_killed_owner_and_the_next_run_starts() -> None:
    with server_home() as home, an_owner(home) as (owner, said):
        family = tree(owner.pid)
        assert {said["kafka"], said["postgres"]} <= set(family)
        owner.kill()
        owner.wait()
        # At once, while the dead run's servers are still on their way out.
        with Servers(home, {}) as servers:
            assert servers.addresses.bootstrap_servers == said["bootstrap"]
            host, port = str(said["bootstrap"]).split(":")
            assert ask_broker(host, int(port)).brokers == (said["bootstrap"],)
        assert all(gone(pid, within_s=10) for pid in family)


def test_a_folder_that_a_living_run_owns_is_refused_by_name(
    own_postgres: Callable[[], PostgresServer],
) -> None:
    running = own_postgres()
    second = PostgresServer(running.folder.parent, tuning=FOR_TESTS)
    began = time.monotonic()
    with pytest.raises(FolderInUseError, match=f"process {os.getpid()}"):
        second.start()
    assert time.monotonic() - began < 2
    assert running.running


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EmbeddedError, match="set TIERLINE_HOME to another folder"),
        claimed("Kafka", tmp_path / "file" / "kafka", patience_s=0),
    ):
        pass


def test_a_server_that_someone_else_killed_is_started_again(
    own_postgres: Callable[[], PostgresServer],
) -> None:
    server = own_postgres()
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert gone(first, within_s=5)
    server.start()
    assert server.pid not in {None, first}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a dead one's child")
def test_the_server_ends_even_with_the_process_that_ties_it(
    own_postgres: Callable[[], PostgresServer],
) -> None:
    pid = own_postgres().pid
    assert pid is not None
    tie = psutil.Process(pid).ppid()
    assert tie != os.getpid()
    os.kill(tie, signal.SIGKILL)
    assert gone(pid, within_s=10)


def test_a_program_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    spec = ServerSpec("Nothing", tmp_path, stop_signal=signal.SIGTERM)
    with (
        claimed(spec.name, spec.folder, patience_s=1) as claim,
        pytest.raises(ServerStartError, match="No such file"),
    ):
        launch(spec, [str(tmp_path / "missing")], claim)


def test_servers_that_exist_are_used_and_none_is_started(kafka: str, postgres_url: str) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": kafka, "DATABASE_URL": postgres_url}
    with server_home() as home, Servers(home / "unused", given) as servers:
        assert servers.addresses.bootstrap_servers == kafka
        assert servers.addresses.database_url == postgres_url
        assert not (home / "unused").exists()
