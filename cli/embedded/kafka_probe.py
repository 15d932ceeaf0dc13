"""Ask a broker who it is: one Metadata request of Kafka's protocol, over a plain socket.

An open port proves little, because a broker listens before it serves. Its answer to this request
does: it names itself among the brokers only once the controller has let it in.
"""

import socket
import struct
from dataclasses import dataclass

_METADATA, _VERSION, _CORRELATION = 3, 4, 1
_NO_TOPICS, _CREATE_NONE = 0, 0


@dataclass(frozen=True, slots=True)
class ClusterView:
    """What a broker says of its cluster.

    Attributes:
        cluster_id: The id that the cluster was formatted with.
        brokers: ``host:port`` of every broker that serves.
    """

    cluster_id: str
    brokers: tuple[str, ...]


def ask_broker(host: str, port: int, *, timeout_s: float = 2.0) -> ClusterView:
    """Return what the broker at *host*:*port* says.

    Raises:
        OSError: Nobody answers there, or not in Kafka's protocol, within *timeout_s* seconds.
    """
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        client = b"tierline"
        header = struct.pack(f">hhih{len(client)}s", _METADATA, _VERSION, _CORRELATION,
                             len(client), client)  # fmt: skip
        body = struct.pack(">ib", _NO_TOPICS, _CREATE_NONE)
        connection.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        (length,) = struct.unpack(">i", _read(connection, 4))
        if not 0 < length < 1 << 20:
            msg = f"{host}:{port} does not speak Kafka's protocol"
            raise OSError(msg)
        answer = _read(connection, length)
    try:
        return _parse(_Reader(answer))
    except (struct.error, UnicodeDecodeError) as error:
        msg = f"{host}:{port} does not speak Kafka's protocol"
        raise OSError(msg) from error


def _read(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise ConnectionResetError("the broker closed the connection")
        parts += part
    return bytes(parts)


def _parse(reader: "_Reader") -> ClusterView:
    reader.int32()  # correlation
    reader.int32()  # throttle time
    brokers = []
    for _ in range(reader.int32()):
        reader.int32()  # node
        host, port = reader.text(), reader.int32()
        reader.text()  # rack
        brokers.append(f"{host}:{port}")
    return ClusterView(cluster_id=reader.text(), brokers=tuple(brokers))


class _Reader:
    """Kafka's big-endian primitives, one after another."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def int32(self) -> int:
        (value,) = struct.unpack_from(">i", self._content, self._at)
        self._at += 4
        return int(value)

    def text(self) -> str:
        (length,) = struct.unpack_from(">h", self._content, self._at)
        self._at += 2
        text = self._content[self._at : self._at + max(length, 0)].decode()
        self._at += max(length, 0)
        return text
