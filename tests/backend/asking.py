"""What clients and providers say to the API, in the shortest words."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.backend.server import Person, client
from uploader.backend.context import Backend
from uploader.backend.store.models import RateLimit
from uploader.backend.webhooks import sign

CLIP = {"filename": "clip.mp4", "fileSize": 1000, "mimeType": "video/mp4"}


def ask_upload(person: Person, key: str | None = None, **changed: Any) -> httpx.Response:  # noqa: ANN401 (JSON)
    """POST /api/videos/upload-url."""
    headers = {} if key is None else {"Idempotency-Key": key}
    return person.api.post("/api/videos/upload-url", json=CLIP | changed, headers=headers)


def new_video(person: Person) -> str:
    """The id of a video that waits for its bytes."""
    reply = ask_upload(person)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["videoId"])


def ready_video(person: Person, backend: Backend) -> str:
    """The id of a video that can be watched."""
    video_id = new_video(person)
    assert tell(backend, ready_event(video_id)).status_code == 200
    return video_id


def status_of(person: Person, video_id: str) -> dict[str, Any]:
    """GET …/status, which must work."""
    reply = person.api.get(f"/api/videos/{video_id}/status")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def ask_post(person: Person, key: str | None = None, **body: Any) -> httpx.Response:  # noqa: ANN401 (JSON)
    """POST /api/posts."""
    return person.api.post("/api/posts", json=body, headers={} if key is None else {"Idempotency-Key": key})


def ready_event(video_id: str, event_id: str | None = None, **data: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    """The seed's good news."""
    told = {
        "id": video_id,
        "playback_url": "https://cdn.example/v.m3u8",
        "thumbnail_url": "https://cdn.example/v.jpg",
        "duration": 12.5,
        "tracks": [{"width": 1920, "height": 1080, "max_bitrate": 5_000_000, "codec": "h264"}],
    }
    return {"type": "video.asset.ready", "id": event_id or f"ready {video_id}", "data": told | data}


def error_event(video_id: str, event_id: str | None = None, **data: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    """The seed's bad news."""
    told = {"id": video_id, "error_message": "No moov atom.", "error_code": "not_a_video"}
    return {"type": "video.asset.errored", "id": event_id or f"errored {video_id}", "data": told | data}


def tell(backend: Backend, event: object, signature: str | bytes | None = None) -> httpx.Response:
    """POST /api/webhooks/video-processing, signed as the seed says unless a signature is given."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    if signature is None:
        signature = sign(backend.config.webhook_secret, body)
    headers = {b"x-webhook-signature": signature.encode() if isinstance(signature, str) else signature}
    with client(backend) as sender:
        return sender.post("/api/webhooks/video-processing", content=body, headers=headers)


def refused(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal in our shape."""
    body = reply.json()
    assert set(body) == {"error", "code"}, body
    assert body["error"]
    return reply.status_code, body["code"]


def use_up(backend: Backend, key: str, hits: int) -> None:
    """So many hits on a rate limit in this minute, and in the next should it begin meanwhile."""
    window = int(time.time()) // 60 * 60
    with backend.database.write() as session:
        session.add_all(RateLimit(key=key, window=one, hits=hits) for one in (window, window + 60))


def eventually(true: Callable[[], object], within: float = 60) -> None:
    """Waits for a condition; fails when it does not come true."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
