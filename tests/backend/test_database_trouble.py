"""The database says no, or says nothing: what a person sees of it, and how the server goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.backend.asking import ask_upload, eventually, new_video, refused
from tests.backend.databases import databases
from tests.backend.fake_provider import FakeProvider
from tests.backend.server import Person
from uploader.backend.context import Backend
from uploader.backend.store.database import Database
from uploader.backend.store.models import JobRow, Video
from uploader.backend.store.trouble import lost_race, out_of_reach


def hang_up(desk: Backend) -> None:
    """End every connection to the server's database."""
    databases.cluster.hang_up(desk.database.engine.url.database or "")


@pytest.mark.one_database("SQLite has no connection to lose", on="postgresql")
@pytest.mark.loud
def test_connections_that_were_lost_meanwhile_cost_nobody_an_error(desk: Backend, carol: Person):
    for _ in range(3):
        hang_up(desk)
        assert carol.api.get("/api/me").status_code == 200


@pytest.mark.one_database("SQLite is never away", on="postgresql")
@pytest.mark.loud
def test_while_the_database_is_away_the_answer_is_503_and_afterwards_everything_goes_on(
    desk: Backend, carol: Person, provider: FakeProvider
):
    video_id = new_video(carol)
    with databases.cluster.closed(desk.database.engine.url.database or ""):
        reply = carol.api.get("/api/me")
        assert refused(reply) == (503, "database_unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert refused(ask_upload(carol)) == (503, "database_unavailable")
        assert carol.api.get("/healthz").status_code == 200
    assert carol.api.delete(f"/api/videos/{video_id}").status_code == 204
    eventually(lambda: provider.forgotten, 60)  # the workers have outlived it as well


@pytest.mark.one_database("SQLite writes one after the other", on="postgresql")
@pytest.mark.parametrize(("losses", "status"), [(2, 204), (1000, 503)])
@pytest.mark.loud
def test_a_race_that_was_lost_is_run_again_and_after_three_times_left_to_the_client(
    desk: Backend, carol: Person, losses: int, status: int
):
    video_id = new_video(carol)
    with desk.database.engine.begin() as connection:
        connection.execute(text("CREATE SEQUENCE tries"))
        connection.execute(text(LOSING.format(losses=losses)))
        connection.execute(text("CREATE TRIGGER losing BEFORE UPDATE ON videos FOR EACH ROW EXECUTE FUNCTION lose()"))
    assert carol.api.delete(f"/api/videos/{video_id}").status_code == status
    with desk.database.read() as session:
        assert session.scalar(text("SELECT last_value FROM tries")) == 3
        assert session.get_one(Video, video_id).status == ("cancelled" if status == 204 else "uploading")


LOSING = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {losses} THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
    RETURN NEW;
END $$
"""


@pytest.mark.parametrize("statement", ["SELECT * FROM nothing", "INSERT INTO communities (id) VALUES (NULL)"])
def test_a_mistake_of_ours_is_not_taken_for_the_databases_trouble(database: Database, statement: str):
    with pytest.raises(SQLAlchemyError) as caught, database.write() as session:
        session.execute(text(statement))
    assert not lost_race(caught.value)
    assert not out_of_reach(caught.value)


@pytest.mark.one_database("files and locks")
def test_a_file_that_is_locked_or_not_there_is_the_databases_trouble(database: Database, tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "reelferry.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        with database.read() as session:
            session.execute(text("PRAGMA busy_timeout=1"))
            with pytest.raises(SQLAlchemyError) as caught:
                session.execute(text("UPDATE communities SET name = 'x'"))
    assert out_of_reach(caught.value)
    nowhere = Database(f"sqlite:///{tmp_path / 'nowhere' / 'x'}")
    with pytest.raises(SQLAlchemyError) as missing, nowhere.read() as session:
        session.get(JobRow, "x")
    assert out_of_reach(missing.value)
    nowhere.close()
