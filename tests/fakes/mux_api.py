"""Mux Video as documented: its API and its upload host on one port, every rule of theirs enforced."""

import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.engine.served import served
from tests.fakes.cloudflare_api import Asked

TOKEN_ID, TOKEN_SECRET = "a-token-id", "a-token-secret"
CREDENTIALS = "Basic " + base64.b64encode(f"{TOKEN_ID}:{TOKEN_SECRET}".encode()).decode()
MULTIPLE = 262_144
FIELDS = {"cors_origin", "timeout", "new_asset_settings", "test"}
DEPRECATED = {"mp4_support", "playback_policy", "encoding_tier"}
WAITS = 60


@dataclass
class Stored:
    """One upload there, and the asset it became."""

    id: str
    timeout: int
    settings: dict[str, Any]
    cors_origin: str
    expires_at: datetime
    status: str = "waiting"
    data: bytearray = field(default_factory=bytearray)
    asset_id: str | None = None
    asset: str = "preparing"
    progress: tuple[str, float] = ("ingesting", 0)
    message: str = ""
    duration: float = 23.87

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 (any field)
        """An upload leaves `waiting` once, an asset `preparing` once; then it can be deleted, and that is all."""
        before = vars(self).get(name, value)
        if name in {"status", "asset"} and before not in {value, "waiting", "preparing"}:
            assert value == "deleted", f"no way from {before} to {value}"
        super().__setattr__(name, value)

    @property
    def held(self) -> int:
        """How many bytes are there."""
        return len(self.data)


@dataclass
class FakeMux:
    """`refusals` are answered before anything is done. `takes` is the most that one PUT is let commit, in bytes."""

    url: str = ""
    takes: int | None = None
    uploads: dict[str, Stored] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self.app = Starlette(
            routes=[
                Route("/video/v1/uploads", self._create, methods=["POST"]),
                Route("/video/v1/uploads/{id}", self._upload, methods=["GET"]),
                Route("/video/v1/uploads/{id}/cancel", self._cancel, methods=["PUT"]),
                Route("/video/v1/assets/{id}", self._asset, methods=["GET", "DELETE"]),
                Route("/upload/{id}", self._put, methods=["PUT"]),
            ]
        )

    @contextmanager
    def running(self) -> Iterator["FakeMux"]:
        """On a port of its own."""
        with served(self.app) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self

    def arrive(self, upload_id: str) -> Stored:
        """All bytes are there: the upload becomes an asset with an id of its own."""
        upload = self.uploads[upload_id]
        upload.status, upload.asset_id = "asset_created", upload.asset_id or f"asset{next(self._numbers)}of"
        return upload

    def shown_upload(self, upload_id: str) -> dict[str, Any]:
        """The upload as GET gives it, and as `data` of its events."""
        upload = self.uploads[upload_id]
        shown: dict[str, Any] = {
            "id": upload.id,
            "timeout": upload.timeout,
            "status": upload.status,
            "cors_origin": upload.cors_origin,
            "new_asset_settings": upload.settings,
        }
        if upload.status == "waiting":
            shown["url"] = f"{self.url}/upload/{upload.id}?token=a.signed.token"
        if upload.asset_id:
            shown["asset_id"] = upload.asset_id
        if upload.status == "errored":
            shown["error"] = {"type": "invalid_input", "message": upload.message}
        return shown

    def shown_asset(self, upload_id: str) -> dict[str, Any]:
        """The asset as GET gives it, and as `data` of its events."""
        upload = self.uploads[upload_id]
        state, percent = upload.progress
        shown: dict[str, Any] = {
            "id": upload.asset_id,
            "status": upload.asset,
            "created_at": "1790000000",
            "upload_id": upload.id,
            "passthrough": upload.settings["passthrough"],
            "playback_ids": [
                {"id": f"{policy}-of-{upload.asset_id}", "policy": policy}
                for policy in upload.settings["playback_policies"]
            ],
            "video_quality": upload.settings.get("video_quality", "basic"),
            "ingest_type": "on_demand_direct_upload",
            "progress": {"state": state, "progress": percent},
            "master_access": "none",
            "test": False,
        }
        if upload.asset == "ready":
            video = {"id": "track1", "type": "video", "max_width": 1920, "max_height": 1080, "max_frame_rate": 29.97}
            shown |= {
                "duration": upload.duration,
                "aspect_ratio": "16:9",
                "progress": {"state": "completed", "progress": 100},
                "tracks": [{"id": "track2", "type": "audio", "max_channels": 2}, video],
            }
        if upload.asset == "errored":
            shown["errors"] = {"type": "invalid_input", "messages": [upload.message]}
        return shown

    def event(self, kind: str, upload_id: str) -> dict[str, Any]:
        """One event about this upload or its asset."""
        of_upload = kind.startswith("video.upload.")
        data = self.shown_upload(upload_id) if of_upload else self.shown_asset(upload_id)
        return {
            "type": kind,
            "id": f"event-{next(self._numbers)}",
            "created_at": "2026-11-22T10:00:00.000000Z",
            "object": {"type": "upload" if of_upload else "asset", "id": data["id"]},
            "environment": {"name": "Production", "id": "dvlv0o"},
            "data": data,
            "attempts": [],
            "request_id": None,
            "accessor": None,
            "accessor_source": None,
        }

    async def _before(self, request: Request) -> Response | None:
        body = await request.body()
        path, query = request.url.path, request.url.query
        self.asked.append(Asked(request.method, path, query, dict(request.headers), body))
        if self.refusals:
            status, headers, said = self.refusals.pop(0)
            return Response(said, status, headers)
        if request.headers.get("authorization") != CREDENTIALS:
            return refusal(401, "unauthorized", "Unauthorized request")
        return None

    async def _create(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        asked = json.loads(await request.body())
        settings = asked.get("new_asset_settings", {})
        wrong = not set(asked) <= FIELDS or set(settings) & DEPRECATED or "cors_origin" not in asked
        timeout = asked.get("timeout", 3600)
        if wrong or not WAITS <= timeout <= 604800 or len(settings.get("passthrough", "")) > 255:
            return refusal(400, "invalid_parameters", "The parameters are not valid")
        upload_id = f"upload{next(self._numbers)}"
        until = datetime.now(UTC) + timedelta(seconds=timeout)
        self.uploads[upload_id] = Stored(upload_id, timeout, settings, asked["cors_origin"], until)
        return JSONResponse({"data": self.shown_upload(upload_id)}, 201)

    async def _upload(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        upload_id = request.path_params["id"]
        if upload_id not in self.uploads:
            return refusal(404, "not_found", "The requested resource either doesn't exist or you don't have access")
        return JSONResponse({"data": self.shown_upload(upload_id)})

    async def _cancel(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        upload = self.uploads.get(request.path_params["id"])
        if upload is None:
            return refusal(404, "not_found", "The requested resource either doesn't exist or you don't have access")
        if upload.status != "waiting":
            return refusal(403, "forbidden", "Only uploads that wait can be cancelled")
        upload.status = "cancelled"
        return JSONResponse({"data": self.shown_upload(upload.id)})

    async def _asset(self, request: Request) -> Response:
        if refused := await self._before(request):
            return refused
        found = [one for one in self.uploads.values() if one.asset_id == request.path_params["id"]]
        if not found or found[0].asset == "deleted":
            return refusal(404, "not_found", "The requested resource either doesn't exist or you don't have access")
        if request.method == "DELETE":
            found[0].asset = "deleted"
            return Response(status_code=204)
        return JSONResponse({"data": self.shown_asset(found[0].id)})

    async def _put(self, request: Request) -> Response:
        assert "authorization" not in request.headers, "our token went to the upload host"
        upload = self.uploads.get(request.path_params["id"])
        if upload is None or request.query_params.get("token") != "a.signed.token":
            return Response(status_code=404)
        if upload.expires_at < datetime.now(UTC):
            return Response(status_code=403)
        body = await request.body()
        given = request.headers.get("content-range", f"bytes 0-{len(body) - 1}/{len(body)}")
        part = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)", given)
        if part is None:
            return Response(status_code=400)
        total = int(part[3])
        if part[1] is not None and upload.status == "waiting":
            first, end = int(part[1]), int(part[2]) + 1
            whole = end == total or len(body) % MULTIPLE == 0
            if first != upload.held or end - first != len(body) or not whole:
                return Response(status_code=400)
            upload.data += body if self.takes is None else body[: self.takes]
            if upload.held == total:
                self.arrive(upload.id)
        if upload.status != "waiting":
            return Response(status_code=200)
        return Response(status_code=308, headers={"Range": f"bytes=0-{upload.held - 1}"} if upload.held else {})


def signed(event: dict[str, Any] | bytes, secret: str, moment: datetime | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body of a webhook."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    time = int((moment or datetime.now(UTC)).timestamp())
    made = hmac.new(secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Mux-Signature": f"t={time},v1={made}"}, body


def refusal(status: int, kind: str, message: str) -> Response:
    """Every refusal of theirs."""
    return JSONResponse({"error": {"type": kind, "messages": [message]}}, status)
