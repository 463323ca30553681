"""What an app may ask of the authorization server, and how its request reaches Authlib."""

import re
from collections import defaultdict
from collections.abc import Sequence

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin, InvalidRequestError, OAuth2Payload
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE

CLIENT_ID = "reelferry-desktop"
SCOPES = ("upload", "offline_access")
GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_CODE_GRANT_TYPE)
PUBLIC = ("none",)  # a desktop program can keep no secret: its client does not authenticate

CALLBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]):[1-9][0-9]{0,4}/callback")
PLAIN = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")  # RFC 6749, appendix A; Authlib repeats values in its errors
PRINTABLE = re.compile(r"[\x20-\x7e]*")


class DesktopApp(ClientMixin):
    """The one client: public, on any port of the loopback address (RFC 8252, 7.3)."""

    client_id = CLIENT_ID
    name = "Reelferry app"

    def get_client_id(self) -> str:
        """Its name on the wire."""
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """There is none: the port differs each time."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What of `scope` it gets, everything when it does not say; None refuses."""
        asked = set((scope or " ".join(SCOPES)).split())
        return " ".join(name for name in SCOPES if name in asked) if "upload" in asked else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exactly http://127.0.0.1:PORT/callback or http://[::1]:PORT/callback."""
        return CALLBACK.fullmatch(redirect_uri) is not None

    def check_client_secret(self, _secret: str) -> bool:
        """It has none."""
        return False

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        """It does not authenticate; PKCE and the one-time code stand in."""
        return method in PUBLIC

    def check_response_type(self, response_type: str) -> bool:
        """Only codes, never tokens in an address."""
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        """Codes by browser, codes by another computer, refresh tokens."""
        return grant_type in GRANT_TYPES


CLIENTS = {CLIENT_ID: DesktopApp()}


class Parameters(OAuth2Payload):
    """The parameters of one request, as Authlib reads them."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in pairs:
            self._lists[name].append(value)

    @property
    def data(self) -> dict[str, str]:
        """One value a name."""
        return {name: values[-1] for name, values in self._lists.items()}

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        """Every value a name."""
        return self._lists


class Asked(OAuth2Request):
    """One OAuth request. Raises InvalidRequestError for a repeated parameter or characters OAuth does not know."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        # Authlib refuses plain http by the address; whether that is allowed here was settled when the server started
        super().__init__("POST", "https://localhost")
        self.payload = Parameters(pairs)
        for name, values in self.payload.datalist.items():
            if len(values) > 1:
                raise InvalidRequestError("A parameter was sent more than once.")
            if not (PRINTABLE if name == "state" else PLAIN).fullmatch(values[0]):
                raise InvalidRequestError("A parameter has characters that are not allowed.")

    @property
    def form(self) -> dict[str, str]:
        """The parameters again, under the name Authlib's token endpoint uses."""
        return self.payload.data
