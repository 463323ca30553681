"""Signatures of webhooks, and their delivery."""

import hashlib
import hmac

import pytest

from uploader.backend.webhooks import encoded, sign, verify

pytestmark = pytest.mark.one_database("signatures")

SECRET = "a secret of some length"
BODY = b'{"type":"video.asset.ready"}'
GOOD = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()


def test_the_signature_is_the_seeds() -> None:
    assert sign(SECRET, BODY) == GOOD
    assert sign("key", b"The quick brown fox jumps over the lazy dog") == (
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


def test_a_right_signature_is_taken() -> None:
    assert verify([SECRET], BODY, GOOD)


def test_during_a_rotation_old_and_new_secret_are_taken() -> None:
    assert verify(["the new secret", SECRET], BODY, GOOD)
    assert verify([SECRET], BODY, f"sha256={'0' * 64}, {GOOD}")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        ",",
        "sha256=",
        GOOD.removeprefix("sha256="),
        GOOD.upper(),
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace("sha256=", "sha1="),
        "sha256=ü" + GOOD[8:],
        "sha256=\udcff",
        "sha256=" + "0" * 64,
    ],
)
def test_anything_else_is_refused(header: str | None) -> None:
    assert not verify([SECRET], BODY, header)


def test_one_changed_byte_of_the_body_is_refused() -> None:
    assert not verify([SECRET], BODY + b" ", GOOD)


def test_an_empty_secret_takes_nothing() -> None:
    assert not verify([], BODY, GOOD)
    assert not verify([""], BODY, sign("", BODY))


def test_an_event_has_the_same_bytes_at_every_attempt() -> None:
    assert encoded({"b": 1, "a": "ü"}) == encoded({"a": "ü", "b": 1})
