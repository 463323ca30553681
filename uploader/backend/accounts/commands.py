"""`reelferry-server user …`: accounts from the command line of the machine the server runs on."""

import argparse
import getpass
import sys
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from uploader.backend.accounts import passwords, users
from uploader.backend.accounts.setup import setup_link
from uploader.backend.store.database import Database
from uploader.backend.store.models import User

__all__ = ["AccountRefused", "add_user", "change_password", "describe", "disable_user", "run", "setup_link"]


class AccountRefused(Exception):
    """It was not done; the message says why and what to change."""


def add_user(database: Database, username: str, name: str, password: str, now: datetime) -> User:
    """A new account. Raises AccountRefused."""
    username, name = users.tidy_username(username), users.tidy_name(name)
    problem = users.username_problem(username) or users.name_problem(name) or passwords.problem(password, username)
    if problem:
        raise AccountRefused(problem)
    password_hash = passwords.hashed(password)
    with database.write() as session:
        if users.named(session, username):
            raise AccountRefused(f"There is an account named {username} already.")
        return users.create(session, username, name, password_hash, now)


def change_password(database: Database, username: str, password: str, now: datetime) -> None:
    """A new password; everybody signed in to the account has to sign in again. Raises AccountRefused."""
    problem = passwords.problem(password, users.tidy_username(username))
    if problem:
        raise AccountRefused(problem)
    password_hash = passwords.hashed(password)
    with database.write() as session:
        users.set_password(session, _known(session, username), password_hash, now)


def disable_user(database: Database, username: str, now: datetime) -> None:
    """Switch an account off and end all its sign-ins. Videos and posts stay. Raises AccountRefused."""
    with database.write() as session:
        users.disable(session, _known(session, username), now)


def describe(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the actions add, passwd and disable."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="add|passwd|disable")
    add = actions.add_parser("add", help="make an account")
    passwd = actions.add_parser("passwd", help="set a new password; ends all its sign-ins")
    disable = actions.add_parser("disable", help="switch an account off; ends all its sign-ins")
    for one in (add, passwd, disable):
        one.add_argument("username")
    for one in (add, passwd):
        one.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add.add_argument("--name", default="", help="the name shown beside posts; the username when left out")


def run(arguments: argparse.Namespace, database: Database, clock: Callable[[], datetime]) -> int:
    """Do what was parsed by a parser of `describe`; the exit code. Words go to stdout, refusals to stderr."""
    try:
        done = _run(arguments, database, clock)
    except AccountRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


def _run(asked: argparse.Namespace, database: Database, clock: Callable[[], datetime]) -> str:
    username = users.tidy_username(asked.username)
    match asked.action:
        case "add":
            user = add_user(database, asked.username, asked.name, _password(stdin=asked.password_stdin), clock())
            return f"The account {user.username} is ready."
        case "passwd":
            change_password(database, asked.username, _password(stdin=asked.password_stdin), clock())
            return f"The password of {username} is changed. Whoever was signed in has to sign in again."
        case _:
            disable_user(database, asked.username, clock())
            return f"The account {username} is switched off. Its videos and posts stay."


def _known(session: Session, username: str) -> User:
    user = users.named(session, users.tidy_username(username))
    if user is None:
        raise AccountRefused(f"There is no account named {username}.")
    return user


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().removesuffix("\n")
    try:
        password, again = getpass.getpass("Password: "), getpass.getpass("Password again: ")
    except EOFError:
        raise AccountRefused("Nobody is there to type a password. Use --password-stdin and pass it in.") from None
    if again != password:
        raise AccountRefused("The two passwords differ.")
    return password
