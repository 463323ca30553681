"""The addresses of signing in: the token endpoints and the discovery document; the pages' routers join here."""

from collections.abc import Callable

from authlib.oauth2 import OAuth2Error
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from uploader.backend.accounts import authorize, device, first_account, sign_out
from uploader.backend.accounts.asked import GRANT_TYPES, PUBLIC, SCOPES, Asked
from uploader.backend.accounts.forms import FormFields, Pairs
from uploader.backend.accounts.grants import SignInServer
from uploader.backend.accounts.limits import device_wait, token_wait
from uploader.backend.context import Backend, TheBackend

router = APIRouter(include_in_schema=False)
router.include_router(authorize.router)
router.include_router(first_account.router)
router.include_router(device.router)
router.include_router(sign_out.router)


@router.get("/.well-known/oauth-authorization-server")
def metadata(backend: TheBackend) -> dict[str, object]:
    """What this server can do (RFC 8414)."""
    issuer = backend.base_url
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANT_TYPES,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": PUBLIC,
        "revocation_endpoint_auth_methods_supported": PUBLIC,
        "scopes_supported": SCOPES,
        "authorization_response_iss_parameter_supported": True,
    }


@router.post("/oauth/token")
def token(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Tokens for a code, or for a refresh token."""
    return _answer(form, backend, SignInServer.issued, token_wait(backend, request, backend.clock()))


@router.post("/oauth/revoke")
def revoke(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Sign out."""
    return _answer(form, backend, SignInServer.revoked, token_wait(backend, request, backend.clock()))


@router.post("/oauth/device_authorization")
def device_authorization(request: Request, form: FormFields, backend: TheBackend) -> Response:
    """Codes for an app that cannot open a browser."""
    return _answer(form, backend, SignInServer.device_codes, device_wait(backend, request, backend.clock()))


def _answer(
    form: Pairs, backend: Backend, how: Callable[[SignInServer, Asked], Response], wait: int | None
) -> Response:
    now = backend.clock()
    if wait is not None:
        busy = {"error": "temporarily_unavailable", "error_description": "Too many requests.", "code": "rate_limited"}
        return JSONResponse(busy, 429, {"Retry-After": str(wait)})
    with backend.database.write() as session:
        server = SignInServer(session, backend.base_url, now)
        try:
            return how(server, Asked(form))
        except OAuth2Error as error:
            return server.told(error)
