"""Where a webhook may lead: sixty and more ways into the own network, none of them taken."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address

import httpx2
import pytest

from services.notifier.channels.egress import (
    Allowance,
    CheckedTransport,
    Egress,
    ForbiddenDestinationError,
    UnresolvedNameError,
    denied,
    parse_allowance,
    resolve_by_system,
)

PORT = "{port}"
HOSTILE = [
    *(f"https://{host}:{PORT}/" for host in ("127.0.0.1", "localhost", "localhost.", "LOCALHOST")),
    *(f"https://{host}:{PORT}/" for host in ("127.1", "127.0.1", "0", "0.0.0", "127.255.0.9")),
    *(f"https://{host}:{PORT}/" for host in ("2130706433", "017700000001", "0x7f000001")),
    *(f"https://{host}:{PORT}/" for host in ("0x7f.1", "0177.0.0.1", "0x7f.0x0.0x0.0x1")),
    *(f"https://{host}:{PORT}/" for host in ("127.0.0.1.", "00127.0.0.1", "127.0.0.01")),
    *(
        f"https://{host}:{PORT}/"
        for host in ("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "\u24dbocalhost")
    ),
    *(f"https://[{host}]:{PORT}/" for host in ("::1", "::", "0:0:0:0:0:0:0:1", "::127.0.0.1")),
    *(f"https://[{host}]:{PORT}/" for host in ("::ffff:127.0.0.1", "::ffff:7f00:1")),
    *(f"https://[{host}]:{PORT}/" for host in ("::ffff:0:127.0.0.1", "64:ff9b::7f00:1")),
    *(
        f"https://[{host}]:{PORT}/"
        for host in ("64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::")
    ),
    *(f"https://[{host}]:{PORT}/" for host in ("fe80::1", "fc00::1", "fd12:3456::1", "fec0::1")),
    *(f"https://[{host}]:{PORT}/" for host in ("ff02::1", "2001:db8::1", "2001::1", "100::1")),
    *(f"https://[{host}]:{PORT}/" for host in ("5f00::1", "3fff::1", "2620:4f:8000::1")),
    *(f"https://{host}/" for host in ("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.9.9")),
    *(f"https://{host}/" for host in ("192.168.1.1", "169.254.169.254", "100.64.0.1")),
    *(f"https://{host}/" for host in ("192.0.0.8", "192.0.2.1", "198.18.0.1", "198.51.100.7")),
    *(f"https://{host}/" for host in ("203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255")),
    *(f"https://{host}/" for host in ("192.88.99.1", "192.31.196.1", "192.52.193.1")),
    f"https://user@127.0.0.1:{PORT}/",
    f"https://8.8.8.8@127.0.0.1:{PORT}/",
    f"https://user:pass@[::1]:{PORT}/",
    f"http://127.0.0.1:{PORT}/",
    f"ftp://127.0.0.1:{PORT}/",
    f"gopher://127.0.0.1:{PORT}/",
    "file:///etc/passwd",
    f"https://:{PORT}/",
    f"//127.0.0.1:{PORT}/",
    "http://8.8.8.8/",
    "https://8.8.8.8:22/",
    "https://8.8.8.8:5432/",
    f"https://rebinding.example.org:{PORT}/",
]


class Canary:
    """A server on loopback that counts who connects."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    async def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    found = Canary()
    server = await asyncio.start_server(found.taken, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


async def rebinding(host: str, port: int) -> list[str]:
    """Answer with a public address and a private one, as a hostile name server would."""
    if host == "rebinding.example.org":
        return ["93.184.216.34", "127.0.0.1"]
    return await resolve_by_system(host, port)


def test_the_list_is_long_enough_to_mean_something() -> None:
    assert len(set(HOSTILE)) >= 60


@pytest.mark.parametrize("template", HOSTILE)
async def test_no_hostile_address_reaches_the_own_network(template: str, canary: Canary) -> None:
    transport = CheckedTransport(Egress(resolve=rebinding))
    async with httpx2.AsyncClient(transport=transport, timeout=2, trust_env=False) as client:
        with pytest.raises(
            (
                ForbiddenDestinationError,
                UnresolvedNameError,
                httpx2.InvalidURL,
                httpx2.UnsupportedProtocol,
            )
        ):
            await client.post(template.format(port=canary.port), content=b"{}")
    assert canary.connections == 0


async def test_a_name_is_judged_anew_at_every_call_and_called_where_it_was_judged() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def changing(_host: str, _port: int) -> list[str]:
        return answers.pop(0)

    egress = Egress(resolve=changing)
    url = httpx2.URL("https://hooks.example.org/")
    assert await egress.checked(url) == ip_address("93.184.216.34")
    with pytest.raises(ForbiddenDestinationError):
        await egress.checked(url)


async def test_what_an_operator_opens_is_called_under_its_own_name(canary: Canary) -> None:
    async def local(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    allow = (parse_allowance(f"http://127.0.0.1:{canary.port}"),)
    transport = CheckedTransport(Egress(allow, resolve=local))
    async with httpx2.AsyncClient(transport=transport, timeout=2, trust_env=False) as client:
        answer = await client.post(f"http://hooks.example.org:{canary.port}/", content=b"{}")
    assert answer.status_code == 200
    assert answer.request.headers["host"] == f"hooks.example.org:{canary.port}"
    assert canary.connections == 1


@pytest.mark.parametrize(
    ("text", "allowed", "closed"),
    [
        ("10.1.0.0/16", "https://10.1.2.3:9999/", "http://10.1.2.3:9999/"),
        ("10.1.0.0/16:8443", "https://10.1.2.3:8443/", "https://10.1.2.3:443/"),
        ("http://10.1.2.3", "http://10.1.2.3/", "http://10.1.2.4/"),
        ("[fd00::/8]:443", "https://[fd12::1]/", "https://[fc00::1]/"),
        ("http://[::1]:8080", "http://[::1]:8080/", "http://127.0.0.1:8080/"),
    ],
)
async def test_an_allowance_opens_what_it_says_and_no_more(
    text: str, allowed: str, closed: str
) -> None:
    egress = Egress((parse_allowance(text),))
    assert str(await egress.checked(httpx2.URL(allowed))) in allowed
    with pytest.raises(ForbiddenDestinationError):
        await egress.checked(httpx2.URL(closed))


@pytest.mark.parametrize("text", ["", "localhost", "*", "[::1", "10.0.0.0/99", "10.0.0.1:x"])
def test_only_addresses_can_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_allowance(text)


@pytest.mark.parametrize("text", ["93.184.216.34", "2606:4700::1111", "64:ff9b::8.8.8.8"])
def test_public_addresses_are_open(text: str) -> None:
    assert not denied(ip_address(text))


def test_an_allowance_says_what_it_covers() -> None:
    allowance = Allowance(parse_allowance("10.0.0.0/8").network, port=443)
    assert allowance.covers(ip_address("10.9.9.9"), 443)
    assert not allowance.covers(ip_address("::1"), 443)
