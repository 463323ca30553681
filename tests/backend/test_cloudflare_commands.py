"""`reelferry-server cloudflare …` as an operator runs it, before an account that is a fake."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.test_main import SERVER
from tests.fakes.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare
from uploader.backend.__main__ import main

pytestmark = pytest.mark.one_database("what an account elsewhere is told; no rows")

ADDRESS = "https://videos.example/api/webhooks/video-processing"
KEEP = "Set this variable where the server's others are, readable by nobody else, and start the server again."


@pytest.fixture
def fake() -> Iterator[FakeCloudflare]:
    with FakeCloudflare().running() as fake:
        yield fake


@pytest.fixture
def environ(fake: FakeCloudflare, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's variables."""
    for name, value in {
        "NEXT_PUBLIC_APP_URL": "https://videos.example",
        "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
        "CLOUDFLARE_API_TOKEN": TOKEN,
        "CLOUDFLARE_BASE_URL": fake.api,
    }.items():
        monkeypatch.setenv(name, value)


def as_a_process(*words: str) -> "subprocess.CompletedProcess[str]":
    """The command itself."""
    return subprocess.run([*SERVER, *words], capture_output=True, text=True, timeout=150, check=False)


def told(fake: FakeCloudflare) -> list[str]:
    """What was changed there."""
    return [asked.method for asked in fake.asked if asked.method != "GET"]


@pytest.mark.usefixtures("environ")
def test_the_webhook_is_registered_once_and_its_secret_printed_for_the_operator_alone(
    fake: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    first = as_a_process("cloudflare", "register-webhook", "--data", str(tmp_path / "data"))
    assert first.returncode == 0, first.stderr
    assert fake.hook is not None
    assert fake.hook["notificationUrl"] == ADDRESS
    assert first.stdout == f"CLOUDFLARE_WEBHOOK_SECRET={fake.hook['secret']}\n", "ready for a file of variables"
    assert first.stderr.splitlines() == [f"Cloudflare sends its news to {ADDRESS} from now on.", KEEP]
    kept = [path.name for path in (tmp_path / "data").iterdir() if fake.hook["secret"] in path.read_text()]
    assert kept == [], "only the operator keeps it"
    changes = told(fake)

    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path / "data")]) == 0
    again = capsys.readouterr()
    assert again.out == first.stdout, "the secret that a running server has stays good"
    assert again.err.splitlines() == [f"Cloudflare sends its news to {ADDRESS} already.", KEEP]
    assert told(fake) == changes


@pytest.mark.usefixtures("environ")
def test_a_secret_that_is_set_needs_nothing_more(
    fake: FakeCloudflare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    fake.hook = {"notificationUrl": ADDRESS, "secret": "the one there", "modified": "2026-11-22T10:00:00.000000Z"}
    monkeypatch.setenv("CLOUDFLARE_WEBHOOK_SECRET", "an old one,the one there")
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == "CLOUDFLARE_WEBHOOK_SECRET=the one there\n"
    assert said.err.splitlines()[-1] == "The secret is set as it is: there is nothing to do."
    assert told(fake) == []


@pytest.mark.usefixtures("environ")
def test_it_says_whose_place_it_took(fake: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    old = "https://old.example/hook"
    fake.hook = {"notificationUrl": old, "secret": "an old one", "modified": "2026-11-22T10:00:00.000000Z"}
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert f"An account has one webhook: this one took the place of {old}." in said.err
    assert said.out == f"CLOUDFLARE_WEBHOOK_SECRET={fake.hook['secret']}\n"
    assert "an old one" not in said.out + said.err


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (("CLOUDFLARE_API_TOKEN", "another-token"), "Cloudflare answered 403 (10000: Authentication error)."),
        (("CLOUDFLARE_ACCOUNT_ID", "f" * 32), "Cloudflare answered 403 (10001: Not authorized for that account)."),
    ],
)
def test_a_wrong_token_and_a_wrong_account_are_named_and_never_repeated(
    wrong: tuple[str, str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv(*wrong)
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        why,
        'Look at CLOUDFLARE_ACCOUNT_ID, and whether CLOUDFLARE_API_TOKEN is its token with "Stream: Edit".',
    ]


@pytest.mark.usefixtures("environ")
def test_where_cloudflare_is_not_to_be_reached_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}/client/v4")
        assert main(["cloudflare", "register-webhook", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith("Cloudflare: ConnectError: ")
    assert second == "Try again later: doing it twice does no harm."


@pytest.mark.usefixtures("environ")
def test_an_answer_that_names_no_secret_is_no_success(
    fake: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    nothing = b'{"result":null,"success":true,"errors":[],"messages":[]}'
    fake.refusals += [(200, {}, nothing), (200, {}, nothing)]
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "Cloudflare took the webhook and did not say by which secret.\n"
    assert [asked.method for asked in fake.asked] == ["GET", "PUT"]


def test_registering_a_webhook_needs_an_account_and_a_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path / "data")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "NEXT_PUBLIC_APP_URL is missing: Cloudflare sends its news there.",
        "CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are missing.",
    ]
    monkeypatch.setenv("NEXT_PUBLIC_APP_URL", "http://127.0.0.1:8000")
    assert main(["cloudflare", "register-webhook", "--data", str(tmp_path / "data")]) == 2
    assert capsys.readouterr().err.splitlines()[0] == (
        "NEXT_PUBLIC_APP_URL names this computer alone: Cloudflare has to reach it from outside."
    )


def test_making_a_signing_key_needs_an_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["cloudflare", "make-signing-key", "--data", str(tmp_path / "data")]) == 2
    assert capsys.readouterr().err == "CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are missing.\n"


@pytest.mark.usefixtures("environ")
def test_a_signing_key_is_printed_as_the_two_variables_to_set(
    fake: FakeCloudflare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["cloudflare", "make-signing-key", "--data", str(tmp_path)]) == 0
    names = [line.partition("=")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["CLOUDFLARE_SIGNING_KEY_ID", "CLOUDFLARE_SIGNING_KEY"]
    assert told(fake) == ["POST"]
