"""Where a webhook may lead: only to public addresses, by https, and only to an address that was checked.

A URL comes from anybody who can sign in, and this service stands inside a network that they do not; so a name is
resolved once, every address that it has is checked, and the connection goes to a checked address and not to the name
again (a second answer could be another one: DNS rebinding). What counts as public is IANA's special-purpose registries
(RFC 6890) read strictly: for IPv6 only global unicast, 2000::/3, and nothing that carries an IPv4 address inside.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from kernel.settings import IpNetwork

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
LONGEST_URL: Final = 2000
_HTTPS: Final = 443
_RESOLVE_SECONDS: Final = 5.0
_RESOLVERS: Final = ThreadPoolExecutor(8, thread_name_prefix="webhook-names")
"""Threads of their own: a name that nobody answers for must keep no other part of the process from resolving."""
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_VISIBLE: Final = re.compile(r"[!-~]+")
_REFUSED: Final[tuple[IpNetwork, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # IETF protocols and Teredo, documentation, 6to4, and the second documentation prefix.
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip


class AddressRefused(Exception):
    """A URL does not lead to an address that may be reached; the message says why, for the log."""


class HostUnknown(AddressRefused):
    """The URL's host has no address now: nobody answers to the name, or no name server does."""


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL: the host as named, its port, the path with its query, and the addresses that may be connected."""

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[IpAddress, ...]

    @property
    def authority(self) -> str:
        """Return what the Host header says."""
        named = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": _HTTPS, "http": 80}[self.scheme]
        return named if self.port == usual else f"{named}:{self.port}"

    def url_at(self, address: IpAddress) -> str:
        """Return the URL with one of the addresses in the place of the name."""
        host = f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def is_public(address: IpAddress) -> bool:
    """Tell whether an address is one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    if any(address in network for network in _REFUSED if network.version == address.version):
        return False
    return address.is_global


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return every address of a name, as the system resolves it. Raises OSError."""
    asked = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, asked)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Checks URLs. `allowed` are networks that may be reached though they are not public, by http and at any port."""

    allowed: tuple[IpNetwork, ...] = ()
    resolve: Resolve = resolve

    async def target(self, url: str) -> Target:
        """Return a URL's target with its checked addresses. Raises AddressRefused, HostUnknown among it."""
        scheme, host, port, path = _parts(url)
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                found = await self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise HostUnknown(f"{host} has no address: {error}") from error
        addresses = tuple(dict.fromkeys(ipaddress.ip_address(one) for one in found))
        if not addresses:
            raise HostUnknown(f"{host} has no address")
        if self._all_allowed(addresses):
            return Target(scheme, host, port, path, addresses)
        if refused := [address for address in addresses if not is_public(address)]:
            raise AddressRefused(f"{host} leads to {', '.join(map(str, refused))}, which is no public address")
        if scheme != "https" or port != _HTTPS:
            raise AddressRefused(f"{scheme} at port {port}: webhooks are called by https at port {_HTTPS}")
        return Target(scheme, host, port, path, addresses)

    def _all_allowed(self, addresses: Sequence[IpAddress]) -> bool:
        return all(any(address in network for network in self.allowed) for address in addresses)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Return scheme, host, port and path of a URL of the one form that is taken."""
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise AddressRefused("the URL is too long, or holds what belongs into no URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused(f"the URL cannot be read: {error}") from error
    if parts.scheme not in ("https", "http") or not host or "%" in host:
        raise AddressRefused("the URL is no https URL with a host")
    if parts.username is not None or parts.password is not None or "#" in url:
        raise AddressRefused("the URL holds a user, a password or a fragment")
    usual = _HTTPS if parts.scheme == "https" else 80
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, usual if port is None else port, path
