"""Who is asking: the dependency that turns a bearer token into a user, or into 401."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import OAuth2AuthorizationCodeBearer
from starlette.requests import HTTPConnection

from uploader.backend.accounts import issuer
from uploader.backend.accounts.issuer_keys import IssuerAway
from uploader.backend.accounts.tokens import ACCESS_TOKEN, owner
from uploader.backend.context import Backend, the_backend
from uploader.backend.problems import ApiProblem
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
        shape = ACCESS_TOKEN if request.app.state.backend.issuer is None else issuer.SHAPE
        if len(headers) > 1 or scheme.lower() != "bearer" or not shape.fullmatch(token):
            raise unauthorized(f'{CHALLENGE}, error="invalid_token"')
        return token


def whose(backend: Backend, token: str) -> User | None:
    """The person a well-formed access token speaks for, None if it is no longer good. 503 where nobody can tell."""
    if backend.issuer is not None:
        try:
            return backend.issuer.whose(token)
        except IssuerAway as error:
            raise ApiProblem(503, "Sign-ins cannot be checked at the moment", "issuer_away", error.wait) from error
    with backend.database.read() as session:
        return owner(session, token, backend.clock())


def current_user(request: Request, token: Annotated[str, Depends(StrictBearer())]) -> User:
    """The signed-in user of this request. Raises 401 when the token is no longer good."""
    user = whose(the_backend(request), token)
    if user is None:
        raise unauthorized(f'{CHALLENGE}, error="invalid_token"')
    return user


CurrentUser = Annotated[User, Depends(current_user)]
