"""Who is asking: the dependency that turns a bearer token into a user, or into 401."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import OAuth2AuthorizationCodeBearer
from starlette.requests import HTTPConnection

from uploader.backend.accounts.tokens import ACCESS_TOKEN, owner
from uploader.backend.context import the_backend
from uploader.backend.store.models import User

CHALLENGE = 'Bearer realm="Reelferry"'


def unauthorized(challenge: str = CHALLENGE) -> HTTPException:
    """401 with the challenge of RFC 6750."""
    return HTTPException(401, "Unauthorized", {"WWW-Authenticate": challenge})


class StrictBearer(OAuth2AuthorizationCodeBearer):
    """The access token of the one well-formed Authorization header. Nowhere else is a token looked for."""

    def __init__(self) -> None:
        super().__init__(
            "/oauth/authorize",
            "/oauth/token",
            refreshUrl="/oauth/token",
            scheme_name="signIn",
            scopes={"upload": "Upload videos and post them", "offline_access": "Stay signed in"},
        )

    async def __call__(self, request: HTTPConnection) -> str:
        """The token. Raises 401, with an error named only where a token was tried (RFC 6750, 3.1)."""
        headers = request.headers.getlist("authorization")
        if not headers:
            raise unauthorized()
        scheme, _, token = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer" or not ACCESS_TOKEN.fullmatch(token):
            raise unauthorized(f'{CHALLENGE}, error="invalid_token"')
        return token


def current_user(request: Request, token: Annotated[str, Depends(StrictBearer())]) -> User:
    """The signed-in user of this request. Raises 401 when the token is no longer good."""
    backend = the_backend(request)
    with backend.database.read() as session:
        user = owner(session, token, backend.clock())
    if user is None:
        raise unauthorized(f'{CHALLENGE}, error="invalid_token"')
    return user


CurrentUser = Annotated[User, Depends(current_user)]
