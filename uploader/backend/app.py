"""The application: every router, every middleware, nothing else."""

from fastapi import FastAPI
from starlette.middleware import Middleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import uploader
from uploader.backend import problems
from uploader.backend.access_log import AccessLog
from uploader.backend.accounts import elsewhere
from uploader.backend.accounts import routes as accounts
from uploader.backend.context import Backend
from uploader.backend.database_trouble import DatabaseTrouble
from uploader.backend.problems import Mistakes
from uploader.backend.request_id import RequestId
from uploader.backend.routes import communities, config, events, health, me, own_posts, posts, videos, webhooks
from uploader.backend.security import BODY_LIMIT, WEBHOOK_LIMIT, BodyLimit, SecurityHeaders, TrustedHost

PARTS = (events, videos, posts, own_posts, communities, me, config, webhooks, health)
BODY_LIMITS = {"/api/webhooks/": WEBHOOK_LIMIT, "/files/": None}


def create_app(backend: Backend) -> FastAPI:
    """The ASGI application of this backend."""
    public_url = backend.config.public_url
    others = [route for provider in backend.providers.values() for route in provider.routes()]
    app = FastAPI(
        title="Reelferry",
        version=uploader.__version__,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(ProxyHeadersMiddleware, trusted_hosts=list(backend.config.trusted_proxies)),
            Middleware(RequestId),
            Middleware(AccessLog, routes=others, observer=backend.observer),
            Middleware(SecurityHeaders, public_url=public_url),
            Middleware(Mistakes),
            Middleware(TrustedHost, public_url=public_url),
            Middleware(BodyLimit, limit=BODY_LIMIT, limits=BODY_LIMITS),
            Middleware(DatabaseTrouble),
        ],
    )
    app.state.backend = backend
    problems.install(app)
    signing_in = accounts.router if backend.issuer is None else elsewhere.router(backend.issuer, backend.base_url)
    routers = [part.router for part in PARTS]
    for router in (*routers, signing_in):  # not `include_router`: the first request would wait for what that puts off
        app.router.routes.extend(router.routes)
    app.router.routes.extend(others)
    return app
