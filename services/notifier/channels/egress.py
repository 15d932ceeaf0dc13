"""Where a webhook may lead: never into the network that Tierline stands in.

An address that a person wrote into a roster is resolved here, every address behind it is held
against an explicit deny list, and the connection goes to the address that was checked, so that a
name cannot answer differently a moment later. TLS and the Host header keep the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

import httpx2
from typing_extensions import override

from shared.contract.errors import PermanentError, Reason, TransientError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Name and port into addresses; raises OSError when there are none."""

PORTS: Final = frozenset({443, 8443})

DENIED: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, v4-compatible
        "::ffff:0:0:0/96",  # v4-translated
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",  # discard
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
MAPPED: Final = ip_network("::ffff:0:0/96")
NAT64: Final = ip_network("64:ff9b::/96")


class ForbiddenDestinationError(PermanentError):
    """A webhook address that must not be called; it stays so until somebody changes it."""

    reason = Reason.UNKNOWN_ADDRESS

    def __init__(self, why: str) -> None:
        super().__init__(f"this address is not called: {why}")
        self.why = why


class UnresolvedNameError(TransientError):
    """A webhook's host name that has no address at the moment."""

    reason = Reason.CHANNEL_UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Allowance:
    """Addresses that an operator opens: a range, perhaps one port, perhaps without TLS."""

    network: Network
    port: int | None = None
    cleartext: bool = False

    def covers(self, address: Address, port: int) -> bool:
        """Say whether *address* and *port* are inside this allowance."""
        if address.version != self.network.version or address not in self.network:
            return False
        return self.port is None or self.port == port


def parse_allowance(text: str) -> Allowance:
    """Read one entry of the allow list: ``[http://]ADDRESS[/BITS][:PORT]``, IPv6 in brackets.

    Raises:
        ValueError: If it is no address or range; names cannot be allowed, as they can move.
    """
    rest = text.strip()
    cleartext = rest.startswith("http://")
    rest = rest.removeprefix("http://").removeprefix("https://")
    if rest.startswith("["):
        network, closed, port = rest[1:].partition("]")
        if not closed:
            message = f"{text!r} opens a bracket and does not close it"
            raise ValueError(message)
        port = port.removeprefix(":")
    else:
        network, _, port = rest.partition(":")
    number = int(port) if port else None
    return Allowance(ip_network(network, strict=False), number, cleartext)


def denied(address: Address) -> bool:
    """Say whether *address* leads anywhere but to the public internet.

    Addresses that carry an IPv4 address inside (mapped, NAT64) are judged by that one.
    """
    inner = _inner(address)
    if inner is not None:
        return denied(inner)
    return any(address.version == net.version and address in net for net in DENIED)


def _inner(address: Address) -> IPv4Address | None:
    if not isinstance(address, IPv6Address):
        return None
    if address in MAPPED or address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Return every address that the system's resolver has for *host*."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Egress:
    """Decides which address a URL is called at, if any."""

    def __init__(
        self, allow: tuple[Allowance, ...] = (), *, resolve: Resolve = resolve_by_system
    ) -> None:
        self._allow = allow
        self._resolve = resolve

    async def checked(self, url: httpx2.URL) -> Address:
        """Return the address to connect to for *url*.

        Raises:
            ForbiddenDestinationError: If scheme, port, or any address behind the name is closed.
            UnresolvedNameError: If the name has no address now.
        """
        if url.scheme not in ("https", "http"):
            raise ForbiddenDestinationError("only https is called")
        if url.userinfo:
            raise ForbiddenDestinationError("it holds a user name or password")
        host = url.raw_host.decode("ascii").strip("[]")
        if not host:
            raise ForbiddenDestinationError("it names no host")
        port = url.port or (443 if url.scheme == "https" else 80)
        # Every address is judged, not the first: one bad answer makes the name untrustworthy.
        addresses = [self.judged(one, url.scheme, port) for one in await self._found(host, port)]
        return addresses[0]

    async def _found(self, host: str, port: int) -> list[Address]:
        nowhere = f"{host} has no address"
        try:
            answers = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise UnresolvedNameError(nowhere) from error
        # A zone ("fe80::1%eth0") is no part of the address that the lists speak of.
        found = [ip_address(answer.partition("%")[0]) for answer in answers]
        if not found:
            raise UnresolvedNameError(nowhere)
        return found

    def judged(self, address: Address, scheme: str, port: int) -> Address:
        """Return *address* itself, where it may be called by *scheme* at *port*.

        Raises:
            ForbiddenDestinationError: It is closed.
        """
        allowed = [entry for entry in self._allow if entry.covers(address, port)]
        if allowed:
            if scheme == "http" and not any(entry.cleartext for entry in allowed):
                raise ForbiddenDestinationError("it would go out without TLS")
            return address
        if denied(address):
            raise ForbiddenDestinationError("it leads into a closed range of addresses")
        if scheme != "https":
            raise ForbiddenDestinationError("it would go out without TLS")
        if port not in PORTS:
            raise ForbiddenDestinationError("its port is not open")
        return address


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Sends each request to the address that `Egress` has checked for it, and nowhere else.

    No connection is kept: one that was opened for a name must never carry another's request,
    and every attempt is checked anew.
    """

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = httpx2.AsyncHTTPTransport(
            trust_env=False, retries=0, limits=httpx2.Limits(max_keepalive_connections=0)
        )

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send *request* to its checked address, under its own name."""
        address = await self._egress.checked(request.url)
        name = request.url.raw_host.decode("ascii").strip("[]").rstrip(".")
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=str(address)),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": name},
        )
        return await self._inner.handle_async_request(pinned)

    @override
    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()
