"""What every provider keeps. A test class inherits it and brings a stage: provider and far side."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from uploader.backend.providers.base import Held, NotAnEvent, Order, Provider, ProviderFailed, Sight
from uploader.backend.webhooks import Forged

SECRET = "a secret between us and the provider"


class Stage(Protocol):
    """A provider and whoever is behind it. What the far side does is done by name; a far side may be absent."""

    @property
    def provider(self) -> Provider: ...

    @property
    def elsewhere(self) -> bool: ...

    def order(self, **changed: object) -> Order: ...

    def holds(self, upload_id: str) -> bool: ...

    def arrive(self, upload_id: str) -> None: ...

    def work(self, upload_id: str) -> None: ...

    def finish(self, upload_id: str) -> None: ...

    def spoil(self, upload_id: str) -> None: ...

    def lose(self, upload_id: str) -> None: ...

    def refuse(self, *refusals: tuple[int, dict[str, str], bytes]) -> None: ...

    def asked(self) -> int: ...

    def news(self, upload_id: str, secret: str = ..., moment: datetime | None = ...) -> tuple[str, bytes]: ...


def an_order(**changed: object) -> Order:
    """A clip of a megabyte."""
    said: dict[str, object] = {
        "video_id": str(uuid4()),
        "user_id": "ann",
        "filename": "Ünser Film, 1.mp4",
        "file_size": 1_000_000,
        "mime_type": "video/mp4",
        "max_duration": 3600,
    }
    return Order(**{**said, **changed})  # type: ignore[arg-type]


def sight_of(stage: Stage, upload_id: str) -> Sight:
    """As it is seen by who has looked before: at an asset where there is one."""
    sight = stage.provider.look(upload_id)
    assert sight is not None
    if sight.asset_id is not None:
        sight = stage.provider.look(upload_id, sight.asset_id)
        assert sight is not None
    return sight


class ProviderContract:
    """The promises of providers/base.py."""

    def test_a_grant_is_an_address_with_a_protocol_rules_and_an_end(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        assert grant.protocol in stage.provider.protocols
        assert grant.upload_url.startswith("http")
        assert grant.expires_at > datetime.now(UTC) + timedelta(hours=1)
        assert grant.chunk.default % grant.chunk.multiple == 0
        assert grant.chunk.min <= grant.chunk.default <= (grant.chunk.max or grant.chunk.default)

    def test_every_order_has_an_upload_of_its_own(self, stage: Stage):
        grants = [stage.provider.grant(stage.order()) for _ in range(3)]
        assert len({grant.upload_id for grant in grants}) == len({grant.upload_url for grant in grants}) == 3

    def test_what_is_held_is_given_again_while_it_is_good(self, stage: Stage):
        order = stage.order()
        first = stage.provider.grant(order)
        held = Held(first.upload_id, first.upload_url, first.expires_at)
        again = stage.provider.grant(stage.order(video_id=order.video_id, held=held))
        assert (again.upload_id, again.upload_url, again.protocol) == (
            first.upload_id, first.upload_url, first.protocol,
        )  # fmt: skip

    def test_what_is_over_is_not_given_again(self, stage: Stage):
        if not stage.elsewhere:
            return  # an address here lives as long as the upload does
        first = stage.provider.grant(stage.order())
        held = Held(first.upload_id, first.upload_url, datetime.now(UTC) + timedelta(minutes=2))
        assert stage.provider.grant(stage.order(held=held)).upload_id != first.upload_id

    def test_what_is_forgotten_is_gone_and_forgetting_twice_is_no_error(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        for _ in range(2):
            stage.provider.forget(grant.upload_id)
            assert not stage.holds(grant.upload_id)
        stage.provider.forget("f" * 32)

    def test_forgetting_takes_what_was_made_of_the_upload_too(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        stage.arrive(grant.upload_id)
        stage.finish(grant.upload_id)
        assert stage.holds(grant.upload_id)
        stage.provider.forget(grant.upload_id)
        assert not stage.holds(grant.upload_id)

    def test_it_tells_by_itself_or_it_can_be_asked(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        sight = stage.provider.look(grant.upload_id)
        assert (sight is None) == (stage.provider.look_every is None) == (not stage.elsewhere)

    def test_a_webhook_with_a_false_signature_is_forged(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        signature, body = stage.news(grant.upload_id)
        now = datetime.now(UTC)
        stage.provider.hear(signature, body, now)
        for wrong in ("", "x", "ü", signature[:-1], signature[:-1] + "é", "=,=", "t=,v1=", "time=,sig1="):
            with pytest.raises(Forged):
                stage.provider.hear(wrong, body, now)
        with pytest.raises(Forged):
            stage.provider.hear(signature, body + b" ", now)
        with pytest.raises(Forged):
            stage.provider.hear(stage.news(grant.upload_id, "another secret")[0], body, now)

    def test_the_same_news_has_the_same_id(self, stage: Stage):
        grant = stage.provider.grant(stage.order())
        signature, body = stage.news(grant.upload_id)
        heard = [stage.provider.hear(signature, body, datetime.now(UTC)) for _ in range(2)]
        assert heard[0] == heard[1]


class RemoteContract(ProviderContract):
    """And those of a provider that is elsewhere and has to be asked."""

    def test_a_video_goes_from_uploading_to_ready(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        assert sight_of(stage, upload_id).state == "uploading"
        stage.arrive(upload_id)
        assert sight_of(stage, upload_id).state == "processing"
        stage.work(upload_id)
        working = sight_of(stage, upload_id)
        assert (working.state, working.stage, working.percent) == ("processing", "transcoding", 39)
        stage.finish(upload_id)
        sight = sight_of(stage, upload_id)
        assert sight.state == "ready"
        assert sight.playback_url is not None
        assert sight.playback_url.endswith(".m3u8")
        assert sight.thumbnail_url is not None
        assert sight.thumbnail_url.endswith("thumbnail.jpg")
        assert sight.duration is not None
        assert sight.width is not None
        assert sight.height is not None
        assert stage.provider.addresses("v", sight.playback_url, None).playback_url == sight.playback_url

    def test_a_video_that_fails_says_why(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        stage.arrive(upload_id)
        stage.spoil(upload_id)
        sight = sight_of(stage, upload_id)
        assert (sight.state, sight.error) == ("error", "It is a text file.")
        assert sight.error_code

    def test_a_video_they_do_not_have_is_gone_and_not_a_failure_to_answer(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        stage.lose(upload_id)
        sight = sight_of(stage, upload_id)
        assert (sight.state, sight.error_code) == ("error", "video_gone")

    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_a_passing_trouble_is_tried_again(self, status: int, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        stage.refuse((status, {}, b"<html>"), (status, {}, b""))
        before = stage.asked()
        assert sight_of(stage, upload_id).state == "uploading"
        assert stage.asked() == before + 3

    def test_trouble_that_stays_is_told_with_its_cause_and_how_long_to_wait(self, stage: Stage):
        stage.refuse((503, {"Retry-After": "120"}, b"not JSON"))
        with pytest.raises(ProviderFailed, match="answered 503") as caught:
            stage.provider.grant(stage.order())
        assert (caught.value.passing, caught.value.retry_after, caught.value.status) == (True, 120, 503)
        assert stage.asked() == 1, "nobody waits two minutes here"

    def test_a_wait_that_makes_no_sense_is_believed_for_an_hour_at_most(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        for wait in ("1763845200", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT"):
            stage.refuse((503, {"Retry-After": wait}, b""))
            with pytest.raises(ProviderFailed) as caught:
                stage.provider.look(upload_id)
            assert caught.value.retry_after == 3600

    def test_what_is_being_made_is_not_asked_for_twice(self, stage: Stage):
        stage.refuse((500, {}, b"it may be made"))
        with pytest.raises(ProviderFailed):
            stage.provider.grant(stage.order())
        assert stage.asked() == 1

    def test_a_plain_no_is_final_and_keeps_the_providers_words(self, stage: Stage):
        stage.refuse((400, {}, self.no))
        with pytest.raises(ProviderFailed, match=r"answered 400 .*Storage capacity exceeded") as caught:
            stage.provider.grant(stage.order())
        assert (caught.value.passing, stage.asked()) == (False, 1)

    no: bytes

    @pytest.mark.parametrize("said", [b"", b"[]", b"{}", b"\xff", b'{"data":{}}', b'{"result":7,"success":true}'])
    def test_an_answer_that_makes_no_sense_is_the_providers_failure(self, said: bytes, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        stage.refuse((200, {}, said))
        with pytest.raises(ProviderFailed, match="not understood"):
            stage.provider.look(upload_id)
        stage.refuse((200, {}, said))
        with pytest.raises(ProviderFailed):
            stage.provider.grant(stage.order())

    def test_no_failure_repeats_a_credential_or_an_address(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        for status in (401, 403, 409, 302):
            stage.refuse((status, {"Location": "https://elsewhere.example/?token=t"}, b'{"a": 1}'))
            with pytest.raises(ProviderFailed) as caught:
                stage.provider.look(upload_id)
            assert "token" not in str(caught.value)
            assert "://" not in str(caught.value)

    @pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
    def test_a_signature_is_good_for_five_minutes_both_ways(self, minutes: int, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        now = datetime.now(UTC)
        for seconds in (-290, 290):
            stage.provider.hear(*stage.news(upload_id, moment=now + timedelta(seconds=seconds)), now)
        with pytest.raises(Forged):
            stage.provider.hear(*stage.news(upload_id, moment=now + timedelta(minutes=minutes)), now)

    def test_either_secret_of_a_rotation_is_good(self, stage: Stage):
        upload_id = stage.provider.grant(stage.order()).upload_id
        now = datetime.now(UTC)
        for secret in (SECRET, "the next secret of the provider"):
            assert stage.provider.hear(*stage.news(upload_id, secret), now).upload_id == upload_id

    def test_a_body_that_is_signed_and_no_event_is_refused(self, stage: Stage):
        for body in (b"", b"[]", b"{}", b"\xff", b'{"uid": 1}', b'{"type": "video.asset.ready", "id": "1"}'):
            with pytest.raises(NotAnEvent):
                stage.provider.hear(self.signature(body), body, datetime.now(UTC))

    def signature(self, body: bytes) -> str:
        """The header's value for any body."""
        raise NotImplementedError
