"""What keeps a server from starting, said in one sentence each."""

import socket
from pathlib import Path

import pytest

from tests.backend.fake_provider import FakeProvider
from tests.backend.server import client, config_in, serving
from uploader.backend.config import Config, ConfigProblems
from uploader.backend.server import prepared
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate


def problems(config: Config) -> list[str]:
    with pytest.raises(ConfigProblems) as caught, prepared(config, {"local": FakeProvider}):
        pass
    return caught.value.problems


def test_a_port_that_is_taken(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = problems(Config.load({}, tmp_path, port=port))
    assert found == [f"Cannot listen on 127.0.0.1 port {port}: Address already in use."]


@pytest.mark.one_database("on PostgreSQL servers may share a folder")
def test_a_data_folder_that_another_server_holds_which_goes_on(tmp_path: Path):
    with serving(tmp_path, {"local": FakeProvider}) as first:
        assert problems(config_in(tmp_path)) == [f"Another server is already using the data folder {tmp_path}."]
        with client(first) as anybody:
            assert anybody.get("/healthz").status_code == 200


@pytest.mark.one_database("on PostgreSQL servers may share a database")
def test_an_sqlite_that_a_server_with_another_data_folder_holds(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    with serving(tmp_path / "one", {"local": FakeProvider}, DATABASE_URL=url) as first:
        other = config_in(tmp_path / "other", DATABASE_URL=url)
        assert problems(other) == [f"Another server is already using the database {tmp_path / 'shared.db'}."]
        with client(first) as anybody:
            assert anybody.get("/healthz").status_code == 200
    with serving(tmp_path / "other", {"local": FakeProvider}, DATABASE_URL=url):
        pass


def test_a_data_folder_is_free_again_when_its_server_has_ended(tmp_path: Path):
    for _ in range(2):
        with serving(tmp_path, {"local": FakeProvider}) as one, client(one) as anybody:
            assert anybody.get("/healthz").status_code == 200


@pytest.mark.one_database("a file")
def test_a_database_that_is_none(tmp_path: Path):
    (tmp_path / "reelferry.sqlite3").write_bytes(b"this is not a database" * 100)
    assert problems(config_in(tmp_path)) == ["The database did not open: file is not a database."]


@pytest.mark.one_database("a file")
def test_a_database_in_a_folder_that_is_not_there(tmp_path: Path):
    config = config_in(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/nowhere/x.db")
    assert problems(config) == ["The database did not open: unable to open database file."]


def test_a_database_of_a_later_version(tmp_path: Path):
    config = config_in(tmp_path)
    database = Database(config.database_url)
    migrate(database)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert problems(config) == ["The database was written by a newer Reelferry. Install that version."]


def test_a_provider_that_is_not_there_stops_the_start(tmp_path: Path):
    config = config_in(tmp_path, VIDEO_PROVIDER="betamax")
    with pytest.raises(ConfigProblems) as caught, prepared(config):
        pass
    assert caught.value.problems == ["VIDEO_PROVIDER=betamax is not known. Use local or cloudflare or mux."]


def test_a_provider_that_is_chosen_and_not_configured_stops_the_start(tmp_path: Path):
    with (
        pytest.raises(ConfigProblems, match="VIDEO_PROVIDER=local lacks variables"),
        serving(tmp_path, {"local": lambda *_: None}),
    ):
        pass
