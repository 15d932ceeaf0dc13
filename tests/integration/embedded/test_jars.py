"""Kafka's jars: only the locked ones, fetched once."""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from cli.embedded.errors import JarMismatchError, JarsUnavailableError
from cli.embedded.jars import Jar, cache_folder, kafka_jars, read_lock
from cli.embedded.kafka import KafkaServer
from cli.embedded.maven import KAFKA, fetch_with_progress


def a_jar(name: str) -> Jar:
    content = name.encode() * 1000
    digest = hashlib.sha256(content).hexdigest()
    return Jar(f"org.example:{name}:1.0", f"{name}-1.0.jar", digest, len(content))


def never(jars: tuple[Jar, ...], folder: Path) -> None:
    pytest.fail(f"asked for {jars} in {folder}")


JARS = (a_jar("one"), a_jar("two"))


class Repository(SimpleHTTPRequestHandler):
    """A Maven repository in a folder; answers once per path with 503, as a busy one does."""

    busy: set[str]

    @override
    def do_GET(self) -> None:
        if self.path in self.busy:
            self.busy.remove(self.path)
            self.send_error(503)
        else:
            super().do_GET()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a repository that jgo's configuration names as its central one."""
    root = tmp_path / "repository"
    for jar in JARS:
        group, name, version = jar.coordinate.split(":")
        path = root / group.replace(".", "/") / name / version / jar.file
        path.parent.mkdir(parents=True)
        path.write_bytes(name.encode() * 1000)
    Repository.busy = {"/org/example/one/1.0/one-1.0.jar"}
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Repository, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        configuration = tmp_path / "jgo.conf"
        configuration.write_text(
            f"[repositories]\ncentral = http://127.0.0.1:{server.server_port}\n"
        )
        monkeypatch.setenv("JGO_CONFIG_FILE", str(configuration))
        yield root
        server.shutdown()
        thread.join()


def test_jars_come_from_the_configured_repository_despite_a_failure(
    repository: Path, tmp_path: Path
) -> None:
    paths = kafka_jars(tmp_path / "cache", fetch=fetch_with_progress, jars=JARS)
    assert [path.read_bytes()[:3] for path in paths] == [b"one", b"two"]
    assert not Repository.busy
    assert repository.exists()


def test_a_second_start_fetches_nothing(repository: Path, tmp_path: Path) -> None:
    first = kafka_jars(tmp_path / "cache", fetch=fetch_with_progress, jars=JARS)
    shutil.rmtree(repository)
    assert kafka_jars(tmp_path / "cache", fetch=never, jars=JARS) == first


def test_another_file_under_a_jars_name_is_not_kept(repository: Path, tmp_path: Path) -> None:
    served = next(repository.rglob("two-1.0.jar"))
    served.write_bytes(b"x" * JARS[1].size)
    with pytest.raises(
        JarMismatchError, match=r"two-1\.0\.jar is not the file that the lock names"
    ):
        kafka_jars(tmp_path / "cache", fetch=fetch_with_progress, jars=JARS)
    assert not (tmp_path / "cache" / "kafka" / "two-1.0.jar").exists()


def test_a_missing_jar_is_refused_with_what_to_do(repository: Path, tmp_path: Path) -> None:
    next(repository.rglob("two-1.0.jar")).unlink()
    with pytest.raises(JarsUnavailableError, match="mirror") as refused:
        kafka_jars(tmp_path / "cache", fetch=fetch_with_progress, jars=JARS)
    assert "org.example:two:1.0" in str(refused.value)


def test_kafka_refuses_to_start_with_a_tampered_jar(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "kafka").mkdir(parents=True)
    for path in kafka_jars(cache_folder(os.environ), fetch=fetch_with_progress):
        (cache / "kafka" / path.name).symlink_to(path)
    tampered = cache / "kafka" / "kafka-clients-4.4.0.jar"
    content = bytearray(tampered.read_bytes())
    content[len(content) // 2] ^= 1
    tampered.unlink()
    tampered.write_bytes(content)
    server = KafkaServer(tmp_path / "home", cache=cache, fetch=never)
    with pytest.raises(JarMismatchError, match=r"Delete .* and start again"):
        server.start()
    assert not server.running


def test_a_jar_that_changed_after_it_was_verified_is_hashed_again(
    repository: Path, tmp_path: Path
) -> None:
    first, _ = kafka_jars(tmp_path / "cache", fetch=fetch_with_progress, jars=JARS)
    first.write_bytes(b"x" * JARS[0].size)
    with pytest.raises(JarMismatchError):
        kafka_jars(tmp_path / "cache", fetch=never, jars=JARS)
    assert repository.exists()


def test_the_lock_pins_what_was_asked_for_and_names_no_address() -> None:
    locked = read_lock()
    assert set(KAFKA) <= {jar.coordinate for jar in locked}
    assert len({jar.file for jar in locked}) == len(locked)
    assert all("/" not in jar.coordinate + jar.file for jar in locked)
