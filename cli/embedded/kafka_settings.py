"""A broker's identity and its settings file."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cli.embedded.ports import free_ports, is_free

HOST = "127.0.0.1"
DATA = "data"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a folder's Kafka keeps from start to start.

    Attributes:
        cluster_id: The id that its data were formatted with.
        port: Where clients find it.
        controller_port: Where it finds itself as its controller.
    """

    cluster_id: str
    port: int
    controller_port: int

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"{HOST}:{self.port}"


def settle(folder: Path, *, port: int | None, keep_port: bool) -> Cluster:
    """Return the cluster of *folder*, noted there at the first call.

    Args:
        folder: The claimed folder of the server.
        port: The port that was asked for; the noted or a free one when None.
        keep_port: Take the noted port even if something listens there, because clients of this
            run know it; the broker then says that it cannot have it.
    """
    note = folder / "cluster.json"
    known = _read(note)
    free_port, free_controller = free_ports(2)
    if known is None:
        cluster = Cluster(_new_cluster_id(), port or free_port, free_controller)
    else:
        stays = keep_port or is_free(known.port)
        cluster = Cluster(
            known.cluster_id,
            port or (known.port if stays else free_port),
            known.controller_port if is_free(known.controller_port) else free_controller,
        )
    note.write_text(json.dumps(asdict(cluster)), encoding="utf-8")
    return cluster


def write_properties(path: Path, cluster: Cluster, *, session_timeout_s: float) -> None:
    """Write the settings of *cluster*'s only node to *path*."""
    rows = broker_properties(cluster, session_timeout_s=session_timeout_s)
    path.write_text("".join(f"{key}={value}\n" for key, value in rows.items()), encoding="utf-8")


def broker_properties(cluster: Cluster, *, session_timeout_s: float) -> dict[str, str]:
    """Return the settings of a node that is broker and controller in one.

    Everything that Kafka replicates has one copy here; internal topics are small; topics come
    from Tierline's registry and never by accident. The data folder is relative to the server's
    own, since a settings file cannot hold every path that a file system can.
    """
    internal = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    clients, control = f"PLAINTEXT://{cluster.address}", f"{HOST}:{cluster.controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{control}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{clients},CONTROLLER://{control}",
        "advertised.listeners": clients,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": DATA,
        "auto.create.topics.enable": "false",
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        **{f"{name}.replication.factor": "1" for name in internal},
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "2",
        "share.coordinator.state.topic.num.partitions": "2",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "unclean.leader.election.enable": "false",
        "broker.session.timeout.ms": str(round(session_timeout_s * 1000)),
        "broker.heartbeat.interval.ms": str(round(session_timeout_s * 1000 / 6)),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "log.segment.bytes": str(64 << 20),
        "log.index.size.max.bytes": str(1 << 20),
        "log.cleaner.dedupe.buffer.size": str(4 << 20),
        "log.retention.ms": "-1",
    }


def _read(note: Path) -> Cluster | None:
    try:
        return Cluster(**json.loads(note.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _new_cluster_id() -> str:
    """Return 16 random bytes in Kafka's spelling: URL-safe base64, no leading dash."""
    while True:
        text = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text
