"""A road that is no longer taken is given up, and one that is taken is kept."""

import httpcore
import pytest
from starlette.responses import PlainTextResponse

from tests.engine.served import served
from uploader.engine.roads import KEPT, Roads
from uploader.engine.way_out import Way, WayOut

pytestmark = pytest.mark.anyio


async def test_connections_nobody_uses_any_more_are_closed() -> None:
    now, way_out = [0.0], WayOut(Way("none"))
    roads = Roads(way_out, httpcore.AnyIOBackend(), clock=lambda: now[0])

    async def ask(port: int) -> None:
        reply = await roads.handle_async_request(
            httpcore.Request("GET", f"http://127.0.0.1:{port}/", headers={"Host": "here"})
        )
        assert await reply.aread() == b"here"
        await reply.aclose()

    async with roads:
        with served(PlainTextResponse("here")) as port:
            await ask(port)
            (first,) = roads._pools.values()
            now[0] += KEPT - 1
            way_out.take(Way("none"))  # the same way, with a trust of its own
            await ask(port)
            assert len(roads._pools) == 2
            now[0] += 2
            await ask(port)
            assert first not in roads._pools.values()
            assert first.connections == []
            assert len(roads._pools) == 1
