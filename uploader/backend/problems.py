"""Every error reply has one shape: `{"error": words, "code": stable}`."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from uploader.wire import Problem

log = logging.getLogger(__name__)

WORDS = {
    400: ("Invalid request", "invalid_request"),
    401: ("Unauthorized", "unauthorized"),
    403: ("Access denied", "access_denied"),
    404: ("Not found", "not_found"),
    405: ("Method not allowed", "method_not_allowed"),
    413: ("Request too large", "request_too_large"),
    415: ("Unsupported media type", "unsupported_media_type"),
}


class ApiProblem(Exception):
    """Stop here and answer this. `error` is for people, `code` for programs; `retry_after` in seconds."""

    def __init__(self, status: int, error: str, code: str, retry_after: float | None = None) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.error = error
        self.code = code
        self.retry_after = retry_after


def problem_response(
    status: int, error: str, code: str, headers: Mapping[str, str] | None = None, retry_after: float | None = None
) -> JSONResponse:
    """The reply itself. A 401 names the scheme, a wait is given in whole seconds."""
    extra = dict(headers or {})
    if status == 401:
        extra.setdefault("WWW-Authenticate", "Bearer")
    if retry_after is not None:
        extra["Retry-After"] = str(max(1, math.ceil(retry_after)))
    return JSONResponse(Problem(error=error, code=code).model_dump(), status, extra)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says about a route's errors."""
    return {status: {"model": Problem} for status in (400, 413, 500, *statuses)}


def install(app: FastAPI) -> None:
    """Let every error that leaves a route take this shape."""

    @app.exception_handler(ApiProblem)
    async def problem(_request: Request, error: ApiProblem) -> JSONResponse:
        return problem_response(error.status, error.error, error.code, retry_after=error.retry_after)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        words, code = WORDS.get(error.status_code, (str(error.detail), "refused"))
        headers = dict(error.headers or {})
        if error.status_code == 405:  # FastAPI names only the methods of the first route with this path
            path = getattr(request.scope.get("route"), "path", None)
            if methods := app.openapi()["paths"].get(path):
                headers["Allow"] = ", ".join(sorted(methods)).upper()
        return problem_response(error.status_code, words, code, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        return _invalid(error)


class Mistakes:
    """What nobody caught is logged under the request's id and answered like any other error.

    A middleware, because Starlette's own handler stands outside all others: its reply had none of their headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watching)
        except Exception:
            if started or scope["type"] != "http":
                raise  # half a reply is out: the connection breaks, so that nobody takes it for a whole one
            log.exception("A request failed by a mistake of ours")
            reply = problem_response(500, "Something went wrong on the server", "server_error")
            await reply(scope, receive, send)


def _invalid(error: RequestValidationError) -> JSONResponse:
    found = error.errors()
    if [one["loc"] for one in found] == [("body", "mimeType")] and found[0]["type"] == "string_pattern_mismatch":
        return problem_response(400, "Invalid file type", "invalid_file_type")
    reasons = "; ".join(f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg']}" for one in found)
    return problem_response(400, f"Invalid request ({reasons[:300]})", "invalid_request")
