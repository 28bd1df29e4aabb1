"""A webhook reaches public addresses only, each of them checked, and the one that was checked."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.settings import LOOPBACK, SettingsError
from services.notifications.addresses import AddressBook, AddressRefused, HostUnknown, is_public
from services.notifications.settings import NotificationsSettings

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
PRIVATE = (
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:93.184.215.14", "64:ff9b::a00:1", "64:ff9b::5db8:d70e", "64:ff9b:1::1",
    "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::", "3fff::1",
    "100::1", "5f00::1", "::7f00:1",
)  # fmt: skip


class Names:
    """A name service whose every answer can be another one."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if not self.answers:
            raise OSError("no such name")
        return self.answers.pop(0)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_special_purpose_addresses_are_not(address):
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_within_ipv6_is_ever_public(address):
    number = int(address)
    for prefix in ("::ffff:0:0", "64:ff9b::", "::", "64:ff9b:1::"):
        assert not is_public(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + number))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) + (number << 80)))


@given(st.ip_addresses())
def test_what_is_public_is_so_for_the_standard_library_too(address):
    if is_public(address):
        assert address.is_global
        assert not any((address.is_private, address.is_loopback, address.is_multicast, address.is_link_local))


@pytest.mark.parametrize("private", PRIVATE)
async def test_one_private_address_among_public_ones_refuses_the_name(private):
    with pytest.raises(AddressRefused):
        await AddressBook(resolve=Names([*PUBLIC, private])).target("https://hooks.example.org/x")


async def test_a_name_is_resolved_once_and_connected_by_address():
    names = Names(PUBLIC, ["127.0.0.1"])
    target = await AddressBook(resolve=names).target("https://hooks.example.org/x?y=1")
    assert names.asked == [("hooks.example.org", 443)]
    assert [target.url_at(address) for address in target.addresses] == [
        f"https://{PUBLIC[0]}:443/x?y=1",
        f"https://[{PUBLIC[1]}]:443/x?y=1",
    ]
    assert (target.host, target.authority) == ("hooks.example.org", "hooks.example.org")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/",
        "https://hooks.example.org:8443/",
        "https://user@hooks.example.org/",
        "https://@hooks.example.org/",
        "https://hooks.example.org:22/",
        "https://hooks.example.org:80/",
        "https://[fe80::1%25eth0]/",
        "https://user:word@hooks.example.org/",
        "https://hooks.example.org/#part",
        "https:///x",
        "ftp://hooks.example.org/",
        "file:///etc/passwd",
        "https://hooks.example.org\\@127.0.0.1/",
        "https://hooks.example.org/ x",
        "https://hooks.example.org/\r\nHost: other",
        "https://hooks%2eexample.org/",
        "https://hooks.example.org:99999/",
        "https://[::1/",
        "https://hooks.example.org/" + "x" * 2000,
        "",
    ],
)
async def test_only_plain_https_urls_are_taken(url):
    with pytest.raises(AddressRefused):
        await AddressBook(resolve=Names(PUBLIC)).target(url)


async def test_a_name_without_an_address_is_not_found():
    with pytest.raises(HostUnknown):
        await AddressBook(resolve=Names()).target("https://hooks.example.org/")
    with pytest.raises(HostUnknown):
        await AddressBook(resolve=Names([])).target("https://hooks.example.org/")


async def test_a_name_that_leads_to_a_private_address_was_found():
    with pytest.raises(AddressRefused) as refused:
        await AddressBook(resolve=Names(["10.0.0.1"])).target("https://hooks.example.org/")
    assert not isinstance(refused.value, HostUnknown)


async def test_allowed_networks_may_be_reached_by_http_and_only_they():
    book = AddressBook(LOOPBACK, Names(["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], PUBLIC))
    assert (await book.target("http://localhost:9000/x")).authority == "localhost:9000"
    with pytest.raises(AddressRefused):
        await book.target("http://localhost:9000/x")
    with pytest.raises(AddressRefused):
        await book.target("http://hooks.example.org/x")


@pytest.mark.parametrize(
    "host",
    [
        "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "0", "0.0.0.0", "localhost", "LOCALHOST.",
        "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]",
        "[fe80::1]", "169.254.169.254", "0xa9.254.0251.254", "2852039166",
    ],
)  # fmt: skip
async def test_every_spelling_of_what_is_not_public_is_refused(host):
    with pytest.raises(AddressRefused):
        await AddressBook().target(f"https://{host}/")


def test_allowed_networks_are_loopback_on_the_embedded_stack_only(tmp_path):
    given_ = {"database_url": "postgresql://host/db", "keys": tmp_path}
    loaded = NotificationsSettings.load(**given_, embedded=True, webhook_networks="127.0.0.0/8,::1/128")
    assert loaded.webhook_networks == LOOPBACK
    with pytest.raises(SettingsError, match="PARITRANA_WEBHOOK_NETWORKS"):
        NotificationsSettings.load(**given_, webhook_networks="127.0.0.0/8")
    for network in ("10.0.0.0/8", "0.0.0.0/0", "::/0"):
        with pytest.raises(SettingsError, match="loopback networks only"):
            NotificationsSettings.load(**given_, embedded=True, webhook_networks=network)
