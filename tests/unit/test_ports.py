"""Ports for tests: processes side by side never draw the same one."""

from __future__ import annotations

import pytest

from deploy.local import ports


def test_shares_hold_every_port_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_drawn_from", ports._drawn_from)
    shares = []
    for share in range(3):
        ports.keep_to(share, of=3)
        shares.append(set(ports._drawn_from))
        assert set(ports.free_ports(20)) <= shares[-1]
    assert len(set().union(*shares)) == sum(map(len, shares)) == 12_000


def test_a_worker_in_anothers_place_draws_from_a_share_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_drawn_from", ports._drawn_from)
    ports.keep_to(5, of=2)
    assert all(port % 2 == 1 for port in ports.free_ports(20))
