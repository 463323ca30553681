"""A stay with a server ends only when the server says so, and never because the network or the vault was away."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from tests.engine.api_host import ApiHost, page, says
from tests.engine.served import Stage
from tests.proxy import Proxy
from uploader.engine.http import api_client
from uploader.engine.oauth import Tokens
from uploader.engine.session import MemoryVault, Session
from uploader.errors import (
    CaptivePortal,
    KeyringAbsent,
    KeyringLocked,
    KeyringTrouble,
    Offline,
    ReelferryError,
    Refused,
    ServerBusy,
    SignInFailed,
    SignInNeeded,
)

pytestmark = pytest.mark.anyio


class Safe(MemoryVault):
    """A vault that can be locked, and that can be slow to save."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: KeyringTrouble | None = None
        self.open_for_saving = asyncio.Event()
        self.open_for_saving.set()
        self.asked_to_save = asyncio.Event()

    async def load(self, server: str) -> str | None:
        self.check()
        return await super().load(server)

    async def save(self, server: str, token: str) -> None:
        self.asked_to_save.set()
        await self.open_for_saving.wait()
        self.check()
        await super().save(server, token)

    async def forget(self, server: str) -> None:
        self.check()
        await super().forget(server)

    def check(self) -> None:
        if self.trouble is not None:
            raise self.trouble


@dataclass
class Stay:
    """A session with everything around it."""

    host: ApiHost
    server: str
    http: httpx.AsyncClient
    safe: Safe
    now: float = 1000.0
    lost: list[SignInNeeded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(self.server, self.safe, self.http, clock=lambda: self.now, lost=self.lost.append)

    def signed_in_before(self) -> None:
        """The vault has a good refresh token from last time."""
        self.host.issue()
        assert self.host.refresh is not None
        self.safe.tokens[self.server] = self.host.refresh

    @property
    def kept(self) -> str | None:
        return self.safe.tokens.get(self.server)

    @property
    def refreshes(self) -> int:
        return self.host.asked("/oauth/token")


@pytest.fixture
def host() -> ApiHost:
    return ApiHost()


@pytest.fixture
def proxy(host: ApiHost, stage: Stage) -> Iterator[Proxy]:
    stage.app = host
    with Proxy(stage.port) as proxy:
        yield proxy


@pytest.fixture
async def stay(host: ApiHost, proxy: Proxy) -> AsyncIterator[Stay]:
    async with api_client(proxy.url) as http:
        # the issuer the host names is the address it is asked under: the proxy's
        yield Stay(host, proxy.url, http, Safe())


async def test_nobody_is_signed_in_where_nothing_is_kept(stay: Stay):
    assert not await stay.session.exists()
    with pytest.raises(SignInNeeded):
        await stay.session.access()
    assert stay.refreshes == 0
    assert not stay.lost, "nobody lost anything"


async def test_what_was_kept_brings_a_new_pair_and_the_new_refresh_token_is_kept(stay: Stay):
    stay.signed_in_before()
    assert await stay.session.exists()
    assert await stay.session.access() == "access-2"
    assert stay.kept == "refresh-2"


async def test_a_token_is_used_until_four_fifths_of_its_life(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    stay.now += 0.79 * 900
    assert await stay.session.access() == "access-2"
    stay.now += 0.02 * 900
    assert await stay.session.access() == "access-3"
    assert stay.refreshes == 2


async def test_a_rejected_token_is_replaced_once_for_all_who_had_it(stay: Stay):
    stay.signed_in_before()
    old = await stay.session.access()
    new = await asyncio.gather(*(stay.session.access(rejected=old) for _ in range(10)))
    assert set(new) == {"access-3"}
    assert await stay.session.access(rejected=old) == "access-3"
    assert stay.refreshes == 2


async def test_many_ask_at_once_and_one_refreshes(stay: Stay):
    stay.signed_in_before()
    assert set(await asyncio.gather(*(stay.session.access() for _ in range(20)))) == {"access-2"}
    assert stay.refreshes == 1


async def test_a_caller_who_leaves_does_not_break_the_refresh_off(stay: Stay):
    stay.signed_in_before()
    stay.safe.open_for_saving.clear()
    caller = asyncio.create_task(stay.session.access())
    await stay.safe.asked_to_save.wait()
    caller.cancel()
    await asyncio.wait({caller})
    stay.safe.open_for_saving.set()
    await stay.session.aclose()
    assert stay.kept == "refresh-2"
    assert await stay.session.access() == "access-2"


async def test_the_new_pair_is_kept_before_it_is_used(stay: Stay):
    stay.signed_in_before()
    stay.safe.open_for_saving.clear()
    callers = [asyncio.create_task(stay.session.access()) for _ in range(2)]
    await stay.safe.asked_to_save.wait()
    callers.append(asyncio.create_task(stay.session.access()))
    done, _ = await asyncio.wait(callers, timeout=0.05)
    assert not done
    stay.safe.open_for_saving.set()
    assert set(await asyncio.gather(*callers)) == {"access-2"}


async def test_a_dead_refresh_token_asks_for_a_person_and_is_not_kept(stay: Stay):
    stay.safe.tokens[stay.server] = "refresh-dead"
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            await stay.session.access()
    assert stay.kept is None
    assert len(stay.lost) == 1
    assert stay.refreshes == 1


async def test_a_token_that_another_process_renewed_is_found_in_the_vault(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    stay.host.issue()
    assert stay.host.refresh is not None
    stay.safe.tokens[stay.server] = stay.host.refresh
    assert await stay.session.access(rejected="access-2") == "access-4"
    assert not stay.lost


async def test_a_token_renewed_elsewhere_at_the_same_time_is_no_loss(stay: Stay):
    stay.signed_in_before()
    answers = stay.host.answers

    def dead_at_first(request: Request) -> Response:
        del answers["/oauth/token"]
        stay.host.issue()
        assert stay.host.refresh is not None
        stay.safe.tokens[stay.server] = stay.host.refresh
        return says(400, {"error": "invalid_grant"})(request)

    answers["/oauth/token"] = dead_at_first
    assert await stay.session.access() == "access-3"
    assert not stay.lost


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (lambda stay, _: stay.host.answers.update({"/oauth/token": says(503, {}, **{"retry-after": "9"})}), ServerBusy),
        (lambda stay, _: stay.host.answers.update({"/oauth/token": says(429, {"error": "slow_down"})}), ServerBusy),
        (lambda stay, _: stay.host.answers.update({"/oauth/token": page()}), CaptivePortal),
        (lambda stay, _: stay.host.answers.update({"/oauth/token": says(401, {"error": "invalid_client"})}), Refused),
        (lambda _, proxy: proxy.go_away(), Offline),
    ],
    ids=["busy", "limited", "portal", "not our client", "offline"],
)
async def test_trouble_while_refreshing_signs_nobody_out(
    stay: Stay, proxy: Proxy, trouble: Callable[[Stay, Proxy], None], error: type[ReelferryError]
):
    stay.signed_in_before()
    trouble(stay, proxy)
    with pytest.raises(error):
        await stay.session.access()
    assert stay.kept == "refresh-1"
    assert not stay.lost
    stay.host.answers.clear()
    if error is Offline:
        proxy.come_back()
    assert await stay.session.access() == "access-2"


async def test_a_token_that_still_works_is_used_when_no_new_one_can_be_had(stay: Stay, proxy: Proxy):
    stay.signed_in_before()
    await stay.session.access()
    proxy.go_away()
    stay.now += 0.9 * 900
    assert await stay.session.access() == "access-2"
    stay.now += 0.2 * 900
    with pytest.raises(Offline):
        await stay.session.access()


async def test_a_lost_reply_is_asked_for_again_at_once_while_the_server_forgives(stay: Stay, proxy: Proxy):
    stay.signed_in_before()
    stay.host.forgives = 1
    proxy.swallow("POST")
    assert await stay.session.access() == "access-3"
    assert stay.kept == "refresh-3"
    assert not stay.lost


async def test_a_locked_vault_signs_nobody_out(stay: Stay):
    stay.signed_in_before()
    stay.safe.trouble = KeyringLocked()
    with pytest.raises(KeyringLocked):
        await stay.session.access()
    assert stay.refreshes == 0, "a pair that could not be kept is not asked for"
    stay.safe.trouble = None
    assert await stay.session.access() == "access-2"
    assert not stay.lost


async def test_a_vault_that_is_locked_later_is_made_up_for(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    stay.safe.trouble = KeyringLocked()
    assert await stay.session.access(rejected="access-2") == "access-3", "the session knows its token"
    assert stay.kept == "refresh-2"
    stay.safe.trouble = None
    assert await stay.session.access(rejected="access-3") == "access-4", "its own, not the vault's old one"
    assert stay.kept == "refresh-4"


async def test_closing_keeps_what_could_not_be_kept_before(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    stay.safe.trouble = KeyringLocked()
    await stay.session.access(rejected="access-2")
    stay.safe.trouble = None
    await stay.session.aclose()
    assert stay.kept == "refresh-3"


async def test_signing_in_without_a_password_safe_lasts_as_long_as_the_program(stay: Stay):
    stay.safe.trouble = KeyringAbsent()
    tokens = stay.host.issue()
    with pytest.raises(KeyringAbsent):
        await stay.session.begin(Tokens(str(tokens["access_token"]), str(tokens["refresh_token"]), 900))
    assert await stay.session.exists()
    assert await stay.session.access() == "access-1"
    assert await stay.session.access(rejected="access-1") == "access-2"


async def test_signing_out_revokes_and_forgets(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    await stay.session.end()
    assert stay.host.revoked == ["refresh-2"]
    assert stay.kept is None
    with pytest.raises(SignInNeeded):
        await stay.session.access()
    assert not stay.lost


async def test_signing_out_does_not_need_the_server(stay: Stay, proxy: Proxy):
    stay.signed_in_before()
    proxy.go_away()
    await stay.session.end()
    assert stay.kept is None


async def test_signing_out_says_when_the_vault_does_not_let_go(stay: Stay):
    stay.signed_in_before()
    await stay.session.access()
    stay.safe.trouble = KeyringLocked()
    with pytest.raises(KeyringLocked):
        await stay.session.end()
    assert stay.host.revoked == ["refresh-2"], "what stays in it is of no use to anybody"


async def test_an_issuer_that_is_not_the_server_is_not_talked_to(stay: Stay):
    stay.signed_in_before()
    stay.host.metadata["issuer"] = "http://127.0.0.1:1"
    with pytest.raises(SignInFailed):
        await stay.session.access()
    assert stay.refreshes == 0
    assert stay.kept == "refresh-1"


async def test_an_issuer_that_keeps_its_refresh_tokens_is_asked_with_the_same_one(stay: Stay):
    stay.signed_in_before()
    token = {"access_token": "access-2", "token_type": "Bearer", "expires_in": 900}
    stay.host.answers["/oauth/token"] = says(200, token)
    assert await stay.session.access() == "access-2"
    assert await stay.session.access(rejected="access-2") == "access-2"
    assert stay.kept == "refresh-1"


async def test_a_sign_in_without_a_refresh_token_does_not_live_on_the_one_before(stay: Stay):
    stay.signed_in_before()
    await stay.session.begin(Tokens("somebody else's", None, 900))
    assert await stay.session.access() == "somebody else's"
    assert stay.kept is None
    with pytest.raises(SignInNeeded):
        await stay.session.access(rejected="somebody else's")
    assert stay.refreshes == 0


def test_tokens_do_not_show_themselves():
    shown = repr(Tokens("vu_at_secret", "vu_rt_secret", 900))
    assert "secret" not in shown
