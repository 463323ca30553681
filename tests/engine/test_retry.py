"""When to try again: the table of errors, and the back-off."""

import pytest

from uploader import errors
from uploader.engine.retry import Backoff, Verdict, verdict

TABLE: dict[Verdict, list[type[errors.ReelferryError]]] = {
    Verdict.AGAIN: [
        errors.Offline,
        errors.ProxyUnreachable,
        errors.Interrupted,
        errors.Stalled,
        errors.ServerBusy,
        errors.CaptivePortal,
        errors.Untrusted,
        errors.DiskFull,
        errors.QueueNotSaved,
        errors.StillProcessing,
        errors.TooManyUploads,
        errors.DayUsedUp,
    ],
    Verdict.FILE: [errors.FileMissing, errors.FileGrowing],
    Verdict.PERSON: [errors.SignInNeeded, errors.NoOtherComputer, errors.KeyringLocked, errors.KeyringAbsent],
    Verdict.LINE: [errors.ProxyRefused, errors.Metered],
    Verdict.START_OVER: [errors.UploadExpired, errors.UploadForgotten],
}


def every(kind: type[errors.ReelferryError]) -> set[type[errors.ReelferryError]]:
    below = {found for sub in kind.__subclasses__() for found in every(sub)}
    return below or {kind}


def test_every_error_has_the_verdict_of_the_table_and_the_rest_fail() -> None:
    wanted = {kind: found for found, kinds in TABLE.items() for kind in kinds}
    for kind in every(errors.ReelferryError):
        if kind.__module__ == errors.__name__:
            assert verdict(kind()) is wanted.get(kind, Verdict.FAIL), kind


def test_the_back_off_doubles_from_one_second_to_five_minutes() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.failed() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    for _ in range(5000):
        backoff.failed()
    assert backoff.failed() == 300
    backoff.reset()
    assert backoff.failed() == 1


@pytest.mark.parametrize(("chance", "delays"), [(0.0, [0, 0, 0]), (0.5, [0.5, 1, 2])])
def test_the_jitter_is_full(chance: float, delays: list[float]) -> None:
    backoff = Backoff(lambda: chance)
    assert [backoff.failed() for _ in range(3)] == delays


def test_it_never_comes_back_sooner_than_the_server_asked() -> None:
    backoff = Backoff(lambda: 1.0)
    assert backoff.failed(retry_after=42) == 42
    assert backoff.failed(retry_after=0.5) == 2
    assert backoff.failed(retry_after=-3) == 4
