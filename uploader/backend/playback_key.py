"""Keys for signed playback: RS256 tokens as the players of Cloudflare and Mux take them, made anew for each reading."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

LIFE = timedelta(hours=24)
"""As long as the local provider's addresses; the most that Cloudflare itself gives."""


@dataclass(frozen=True, slots=True)
class PlaybackKey:
    """The private half of a key that the provider made. `id` is what it calls the key."""

    id: str
    private: RSAKey = field(repr=False, compare=False)

    def token(self, subject: str, now: datetime, audience: str | None = None) -> str:
        """Leave to play `subject` for `LIFE`, in three dotted parts. `audience` where the provider tells uses apart."""
        claims: dict[str, str | int] = {"sub": subject, "kid": self.id, "exp": int((now + LIFE).timestamp())}
        if audience is not None:
            claims["aud"] = audience
        header = {"alg": "RS256", "typ": "JWT", "kid": self.id}
        return jwt.encode(header, claims, self.private, algorithms=["RS256"])


def read_key(key_id: str, text: str) -> PlaybackKey:
    """The key as the providers hand it out: PEM, or PEM or JWK in base64. ValueError for anything else."""
    try:
        raw = text if "-----BEGIN" in text else base64.b64decode(text, validate=True).decode()
        found = RSAKey.import_key(raw if "-----BEGIN" in raw else json.loads(raw))
        key = PlaybackKey(key_id, found)
        key.token("", datetime.fromtimestamp(0, UTC))  # a public key cannot
    except (ValueError, TypeError, KeyError, binascii.Error, JoseError) as error:
        raise ValueError("not a private RSA key") from error
    return key
