"""Free TCP ports for servers that must come back on the same one."""

import secrets
import socket
from contextlib import ExitStack

# Below the range from which systems draw the ports of outgoing connections (32768 and up), so
# that no client's connection takes the port between a kill and the restart.
_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 200


def free_ports(count: int) -> tuple[int, ...]:
    """Return *count* different ports of 127.0.0.1 on which nothing listens.

    Raises:
        OSError: None was found in the range 20000 to 32000.
    """
    with ExitStack() as held:
        ports: list[int] = []
        for _ in range(_ATTEMPTS):
            if len(ports) == count:
                break
            probe = held.enter_context(socket.socket())
            candidate = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
            if _binds(probe, candidate):
                ports.append(candidate)
    if len(ports) < count:
        msg = f"no {count} free ports on 127.0.0.1 between {_LOWEST} and {_HIGHEST}"
        raise OSError(msg)
    return tuple(ports)


def is_free(port: int) -> bool:
    """Return whether a server could listen on *port* of 127.0.0.1 now."""
    with socket.socket() as probe:
        return _binds(probe, port)


def _binds(probe: socket.socket, port: int) -> bool:
    # Servers set this too: connections of a server that just ended do not block its successor.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True
