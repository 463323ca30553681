"""The issuer that keeps the accounts instead of this server, where the operator names one: read from the environment.

AUTH_ISSUER           an OpenID Connect issuer, https://…; without it this server keeps its accounts itself
AUTH_AUDIENCE         what its access tokens name as their audience (`aud`) when they are for this server
AUTH_CLIENT_ID        reelferry-desktop: how the issuer knows the app, a public client with PKCE
AUTH_SCOPE            openid profile offline_access: what the app asks for
AUTH_PARAMETERS       more for every request, as in an address: audience=…; otherwise resource=AUTH_AUDIENCE, if that is
                      an address (RFC 8707)
AUTH_REDIRECT_PORTS   53682,53683: where the issuer compares ports, those it knows; otherwise any free one
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from uploader.backend.loopback import is_private

CLIENT_ID = "reelferry-desktop"
SCOPE = "openid profile offline_access"


@dataclass(frozen=True, slots=True)
class IssuerConfig:
    """One issuer. `url` has no slash at the end; of no `redirect_ports` any will do."""

    url: str
    audience: str
    client_id: str = CLIENT_ID
    scope: str = SCOPE
    parameters: Mapping[str, str] = field(default_factory=dict)
    redirect_ports: tuple[int, ...] = ()


class Reader(Protocol):
    """Reads variables and collects problems."""

    problems: list[str]

    def text(self, name: str) -> str | None:
        """The variable, or None where it is missing or empty."""

    def url(self, name: str) -> str | None:
        """An http or https address."""


def external(reader: Reader) -> IssuerConfig | None:
    """The issuer, if one is named."""
    url, audience, scope = reader.url("AUTH_ISSUER"), reader.text("AUTH_AUDIENCE"), reader.text("AUTH_SCOPE")
    client_id, asked, ports = reader.text("AUTH_CLIENT_ID"), reader.text("AUTH_PARAMETERS"), _ports(reader)
    if url is None:
        if audience is not None:
            reader.problems.append("AUTH_ISSUER is missing: AUTH_AUDIENCE is for the issuer that keeps the accounts.")
        return None
    if not is_private(url):
        reader.problems.append("AUTH_ISSUER must begin with https://: it says who people are.")
    if audience is None:
        reader.problems.append("AUTH_AUDIENCE is missing: without it, tokens made for other programs would be taken.")
        return None
    client_id = client_id or CLIENT_ID
    if audience == client_id:
        reader.problems.append("AUTH_AUDIENCE must differ from AUTH_CLIENT_ID: ID tokens would pass as access tokens.")
    default = {"resource": audience} if urlsplit(audience).scheme in {"http", "https"} else {}
    return IssuerConfig(
        url=url.rstrip("/"),
        audience=audience,
        client_id=client_id,
        scope=scope or SCOPE,
        parameters=default if asked is None else dict(parse_qsl(asked)),
        redirect_ports=ports,
    )


def _ports(reader: Reader) -> tuple[int, ...]:
    given = reader.text("AUTH_REDIRECT_PORTS")
    if given is None:
        return ()
    words = [word.strip() for word in given.split(",")]
    if not all(word.isascii() and word.isdigit() and 0 < int(word[:6]) < 65536 for word in words):
        reader.problems.append(f"AUTH_REDIRECT_PORTS={given} is not a list of ports, like 53682,53683.")
        return ()
    return tuple(int(word) for word in words)
