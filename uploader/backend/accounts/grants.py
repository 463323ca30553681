"""OAuth 2.0 for native apps: Authlib's authorization server over our tables, made anew for each transaction."""

import logging
import re
from datetime import datetime
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import AccessDeniedError, InvalidRequestError, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from uploader.backend.accounts import tokens, users
from uploader.backend.accounts.asked import CLIENTS, PUBLIC, SCOPES, Asked, DesktopApp
from uploader.backend.accounts.device_grant import DeviceAuthorization, DeviceGrant
from uploader.backend.store.models import User
from uploader.backend.store.sign_in_models import OAuthCode, OAuthToken

log = logging.getLogger(__name__)
logging.getLogger("authlib").setLevel(logging.INFO)  # at DEBUG it writes out the tokens it issues

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class SignInServer(AuthorizationServer):
    """Authlib's server for one transaction: `session` is the caller's, `now` is when it happens."""

    def __init__(self, session: Session, issuer: str, now: datetime) -> None:
        super().__init__(scopes_supported=SCOPES)
        self.session = session
        self.issuer = issuer
        self.now = now
        self.register_token_generator("default", _mint)
        self.register_grant(CodeGrant, [ProofKey(required=True)])
        self.register_grant(RefreshGrant)
        self.register_grant(DeviceGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(DeviceAuthorization)

    def query_client(self, client_id: str) -> DesktopApp | None:
        """A client by its name."""
        return CLIENTS.get(client_id)

    def create_oauth2_request(self, request: Asked) -> Asked:
        """Requests arrive already in Authlib's shape."""
        return request

    def send_signal(self, *_arguments: object, **_more: object) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: dict[str, Any] | str, headers: list[tuple[str, str]]) -> Response:
        """A response; redirects to the app say who sends them (RFC 9207)."""
        fields = dict(headers)
        if "Location" in fields:
            fields["Location"] = add_params_to_uri(fields["Location"], [("iss", self.issuer)])
            return Response(status_code=status, headers=fields)
        return JSONResponse(body, status, fields)

    def consent(self, asked: Asked) -> "CodeGrant":
        """The grant an authorization request asks for. Raises OAuth2Error; with `redirect_uri` the app may be told."""
        grant: CodeGrant = self.get_consent_grant(asked)
        return grant

    def granted(self, grant: "CodeGrant", user: User) -> Response:
        """Send the person back to the app with a code."""
        response: Response = self.create_authorization_response(grant.request, grant_user=user, grant=grant)
        return response

    def told(self, error: OAuth2Error) -> Response:
        """Send the person back to the app with an error; or plain JSON, where the address cannot be trusted."""
        response: Response = self.handle_error_response(None, error)
        return response

    def denied(self, grant: "CodeGrant") -> Response:
        """Send the person back to the app: they would rather not."""
        return self.told(AccessDeniedError(redirect_uri=grant.redirect_uri, state=grant.request.payload.state))

    def issued(self, asked: Asked) -> Response:
        """Answer a request for tokens."""
        response: Response = self.create_token_response(asked)
        return response

    def revoked(self, asked: Asked) -> Response:
        """Answer a request to end a sign-in."""
        response: Response = self.create_endpoint_response(Revocation.ENDPOINT_NAME, asked)
        return response

    def device_codes(self, asked: Asked) -> Response:
        """Answer an app that wants somebody to sign in at another computer."""
        response: Response = self.create_endpoint_response(DeviceAuthorization.ENDPOINT_NAME, asked)
        return response

    def save_token(self, token: dict[str, Any], request: Asked) -> None:
        """Store the digests of a new pair, in the family of what it came from; of a device code comes a new one."""
        before: OAuthToken | OAuthCode | None = request.refresh_token or request.authorization_code
        began = before.family_created_at if isinstance(before, OAuthToken) else self.now
        self.session.add(
            OAuthToken(
                access_hash=tokens.digest(token["access_token"]),
                refresh_hash=tokens.digest(token.get("refresh_token") or tokens.new_secret()),
                family=before.family if before else tokens.new_family(),
                client_id=request.client.client_id,
                user_id=request.user.id,
                scope=token["scope"],
                family_created_at=began,
                access_expires_at=self.now + tokens.ACCESS_LIFE,
                refresh_expires_at=min(self.now + tokens.REFRESH_LIFE, began + tokens.FAMILY_LIFE),
            )
        )


def _mint(scope: str, **_about: object) -> dict[str, Any]:
    token = {
        "token_type": "Bearer",
        "access_token": tokens.new_secret(tokens.ACCESS_PREFIX),
        "expires_in": int(tokens.ACCESS_LIFE.total_seconds()),
        "scope": scope,
    }
    if "offline_access" in scope.split():
        token["refresh_token"] = tokens.new_secret(tokens.REFRESH_PREFIX)
    return token


class CodeGrant(grants.AuthorizationCodeGrant):
    """A code for a signed-in person, then tokens for the code: once, within a minute."""

    TOKEN_ENDPOINT_AUTH_METHODS = PUBLIC

    def generate_authorization_code(self) -> str:
        """256 random bits."""
        return tokens.new_secret()

    def save_authorization_code(self, code: str, request: Asked) -> None:
        """Store the code's digest."""
        session, now = self.server.session, self.server.now
        session.add(
            OAuthCode(
                hash=tokens.digest(code),
                client_id=request.client.client_id,
                user_id=request.user.id,
                redirect_uri=self.redirect_uri,
                scope=request.scope,
                code_challenge=request.payload.data["code_challenge"],
                code_challenge_method="S256",
                family=tokens.new_family(),
                expires_at=now + tokens.CODE_LIFE,
            )
        )

    def query_authorization_code(self, code: str, client: DesktopApp) -> OAuthCode | None:
        """The unused code. A second use ends the sign-in that came of the first (RFC 6749, 4.1.2)."""
        session, now = self.server.session, self.server.now
        this = and_(OAuthCode.hash == tokens.digest(code), OAuthCode.client_id == client.client_id)
        tokens.lock_owner(session, OAuthCode, this)
        row: OAuthCode | None = session.scalar(select(OAuthCode).where(this))
        if row is not None and row.used:
            log.warning("a sign-in code was used twice; the sign-in was ended (user %s)", row.user_id)
            tokens.revoke_family(session, row.family, now)
            return None
        return row if row is not None and row.expires_at > now else None

    def delete_authorization_code(self, authorization_code: OAuthCode) -> None:
        """Keep it, marked: a second use has to be noticed."""
        authorization_code.used = True

    def authenticate_user(self, authorization_code: OAuthCode) -> User | None:
        """Its person, unless switched off since."""
        return users.enabled(self.server.session, authorization_code.user_id)


class ProofKey(CodeChallenge):
    """PKCE with S256, demanded where the sign-in begins and not only where it ends."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012  (Authlib's own shape)

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Raises InvalidRequestError for a challenge that is missing, nonsense or plain (as without a method)."""
        data = grant.request.payload.data
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("code_challenge_method must be S256.")
        if not CHALLENGE.fullmatch(data.get("code_challenge", "")):
            raise InvalidRequestError("code_challenge must be 43 characters of base64url.")
        super().validate_code_challenge(grant, redirect_uri)


class RefreshGrant(grants.RefreshTokenGrant):
    """A new pair for an old refresh token; a stolen one that comes back ends the sign-in (RFC 9700, 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = PUBLIC
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> OAuthToken | None:
        """The pair it belongs to, while it is good."""
        session, now = self.server.session, self.server.now
        row = _pair(session, OAuthToken.refresh_hash == tokens.digest(refresh_token))
        if row is None or row.revoked_at or row.refresh_expires_at <= now:
            return None
        if row.rotated_at and now - row.rotated_at > tokens.ROTATION_LEEWAY:
            log.warning("a used refresh token came back; the sign-in was ended (user %s)", row.user_id)
            tokens.revoke_family(session, row.family, now)
            return None
        return row if users.enabled(session, row.user_id) else None

    def authenticate_user(self, refresh_token: OAuthToken) -> User | None:
        """Its person."""
        user: User | None = self.server.session.get(User, refresh_token.user_id)
        return user

    def issue_token(self, user: User, refresh_token: OAuthToken) -> dict[str, Any]:
        """The scope stays what was granted: half a scope would leave the app without its next refresh token."""
        token: dict[str, Any] = self.generate_token(user=user, scope=refresh_token.scope)
        return token

    def revoke_old_credential(self, refresh_token: OAuthToken) -> None:
        """Rotated, at the first time: the leeway does not slide."""
        refresh_token.rotated_at = refresh_token.rotated_at or self.server.now


class Revocation(RevocationEndpoint):
    """Sign out: either token ends the whole sign-in (RFC 7009)."""

    CLIENT_AUTH_METHODS = PUBLIC

    def check_params(self, request: Asked, _client: DesktopApp) -> None:
        """A token there must be; its hint is not needed."""
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, _token_type_hint: str | None) -> OAuthToken | None:
        """The pair either token belongs to."""
        digest = tokens.digest(token_string)
        return _pair(self.server.session, or_(OAuthToken.access_hash == digest, OAuthToken.refresh_hash == digest))

    def revoke_token(self, token: OAuthToken, _request: Asked) -> None:
        """End its family."""
        tokens.revoke_family(self.server.session, token.family, self.server.now)


def _pair(session: Session, condition: ColumnElement[bool]) -> OAuthToken | None:
    """One pair, its person's turn held until the transaction ends."""
    tokens.lock_owner(session, OAuthToken, condition)
    return session.scalar(select(OAuthToken).where(condition))
