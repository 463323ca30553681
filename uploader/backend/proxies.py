"""Whose word about a visitor's address is believed: the reverse proxies that the operator names."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network


class EveryAddress(ValueError):
    """Then anybody could say who they are."""


def networks(given: str) -> tuple[str, ...]:
    """Addresses and networks, separated by commas, as `ipaddress` writes them. ValueError where one is neither.

    Each of IPv4 comes also as a socket for both kinds shows it, mapped into IPv6. Raises EveryAddress.
    """
    found: list[IPv4Network | IPv6Network] = []
    for one in given.split(","):
        network = ip_network(one.strip())
        if network.prefixlen == 0:
            raise EveryAddress
        found.append(network)
        if isinstance(network, IPv4Network):
            found.append(IPv6Network(f"::ffff:{network.network_address}/{96 + network.prefixlen}"))
    return tuple(str(network) for network in found)


def plain(address: str) -> str:
    """An IPv4 address that came mapped into IPv6, as it is written by itself; any other as it is."""
    try:
        mapped = getattr(ip_address(address), "ipv4_mapped", None)
    except ValueError:
        return address
    return address if mapped is None else str(mapped)


HERE = networks("127.0.0.1,::1")
"""On a public server a visitor from this very computer is the reverse proxy."""
