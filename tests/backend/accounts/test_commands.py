"""`reelferry-server user …`."""

import argparse
import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from uploader.backend.accounts import commands, passwords, users
from uploader.backend.store.database import Database
from uploader.backend.store.models import User

WHEN = datetime(2026, 11, 22, tzinfo=UTC)


Operate = Callable[..., tuple[int, str]]


@pytest.fixture
def operate(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operate:
    """Types a command, and its standard input; gives the exit code and everything it said."""

    def run(*arguments: str, stdin: str = "") -> tuple[int, str]:
        parser = argparse.ArgumentParser()
        commands.describe(parser)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = commands.run(parser.parse_args(arguments), database, lambda: WHEN)
        return code, "".join(capsys.readouterr())

    return run


def found(database: Database, username: str) -> User:
    with database.read() as session:
        user = users.named(session, username)
    assert user is not None
    return user


def test_an_operator_adds_changes_and_switches_off_an_account(operate: Operate, database: Database):
    added = operate("add", "Ada", "--name", "Ada L", "--password-stdin", stdin="first password\n")
    assert added == (0, "The account ada is ready.\n")
    ada = found(database, "ada")
    assert ada.name == "Ada L"
    assert passwords.matches("first password", ada.password_hash)

    code, said = operate("passwd", "ADA", "--password-stdin", stdin="second password")
    assert (code, said) == (0, "The password of ada is changed. Whoever was signed in has to sign in again.\n")
    assert passwords.matches("second password", found(database, "ada").password_hash)

    assert operate("disable", "ada") == (0, "The account ada is switched off. Its videos and posts stay.\n")
    assert found(database, "ada").disabled_at == WHEN


@pytest.mark.parametrize(
    ("command", "stdin", "words"),
    [
        ("add ada --password-stdin", "a good password", "There is an account named ada already."),
        ("add a@b --password-stdin", "a good password", "Use 2 to 32 letters"),
        ("add grace --password-stdin", "short", "Use at least 8 characters."),
        ("add grace --password-stdin", "", "Use at least 8 characters."),
        ("passwd ada --password-stdin", "short", "Use at least 8 characters."),
        ("passwd nobody --password-stdin", "a good password", "There is no account named nobody."),
        ("disable nobody", "", "There is no account named nobody."),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    operate: Operate, database: Database, command: str, stdin: str, words: str
):
    ada = commands.add_user(database, "ada", "", "a good password", WHEN)
    code, said = operate(*command.split(), stdin=stdin)
    assert code == 1
    assert words in said
    assert found(database, "ada").password_hash == ada.password_hash
    with database.read() as session:
        assert users.named(session, "grace") is None
