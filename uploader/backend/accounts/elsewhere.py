"""What this server says where its accounts are kept elsewhere: at which issuer, and as whom the app asks there."""

from fastapi import APIRouter

from uploader.backend.accounts.issuer import Issuer

PATH = "/.well-known/oauth-protected-resource"


def router(issuer: Issuer, base_url: str) -> APIRouter:
    """The discovery document of RFC 9728, in place of the sign-in pages and endpoints."""
    made = APIRouter(include_in_schema=False)
    config = issuer.config
    about: dict[str, object] = {
        "resource": base_url,
        "authorization_servers": [config.url],
        "scopes_supported": config.scope.split(),
        "bearer_methods_supported": ["header"],
        "reelferry_client_id": config.client_id,
        "reelferry_parameters": dict(config.parameters),
        "reelferry_redirect_ports": list(config.redirect_ports),
    }

    @made.get(PATH)
    def metadata() -> dict[str, object]:
        return about

    return made
