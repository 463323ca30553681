import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Column, MetaData, Table, insert, inspect, select, text

from tests.backend.databases import databases
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import SCRIPTS, DatabaseTooNew, alembic_config, migrate
from uploader.backend.store.models import Base, Community

SEED_INDEXES = {
    "videos": {"idx_videos_user_id", "idx_videos_status"},
    "posts": {"idx_posts_user_id", "idx_posts_community_id", "idx_posts_type", "idx_posts_created_at"},
}
SEED_COLUMNS = {
    "videos": "id user_id filename file_size mime_type status provider upload_url playback_url thumbnail_url duration "
    "width height bitrate codec error metadata created_at updated_at processed_at",
    "posts": "id user_id community_id video_id content type likes_count comments_count shares_count views_count "
    "created_at updated_at",
    "video_uploads": "id user_id filename file_size mime_type status provider upload_url expires_at metadata "
    "created_at",
}


COUNTS = dict.fromkeys(("likes_count", "comments_count", "shares_count", "views_count"), 0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Without any table."""
    database = Database(databases.empty(tmp_path))
    yield database
    database.close()


def tables(database: Database) -> set[str]:
    return set(inspect(database.engine).get_table_names())


def test_the_migrations_make_exactly_what_the_models_say(database: Database):
    migrate(database)
    assert tables(database) == {"alembic_version", *Base.metadata.tables}
    command.check(alembic_config(database))


def test_migrating_is_possible_up_down_and_up_again(database: Database):
    config = alembic_config(database)
    migrate(database)
    command.downgrade(config, "base")
    assert tables(database) == {"alembic_version"}
    command.upgrade(config, "head")
    assert tables(database) == {"alembic_version", *Base.metadata.tables}


def test_the_seeds_columns_and_indexes_are_there(database: Database):
    migrate(database)
    found = inspect(database.engine)
    for table, columns in SEED_COLUMNS.items():
        assert set(columns.split()) <= {column["name"] for column in found.get_columns(table)}
    for table, indexes in SEED_INDEXES.items():
        assert indexes <= {index["name"] for index in found.get_indexes(table)}


def test_a_new_database_has_one_community(database: Database):
    migrate(database)
    with database.read() as session:
        [community] = session.scalars(select(Community))
        assert (community.id, community.name) == ("general", "General")
        assert community.created_at.tzinfo is not None


def test_migrating_again_changes_nothing_and_what_was_deleted_stays_deleted(database: Database):
    migrate(database)
    with database.write() as session:
        session.delete(session.get_one(Community, "general"))
    migrate(database)
    with database.read() as session:
        assert session.scalars(select(Community)).all() == []


def older() -> list[str]:
    """Every revision but the newest."""
    scripts = ScriptDirectory(str(SCRIPTS))
    return sorted(one.revision for one in scripts.walk_revisions() if one.revision != scripts.get_current_head())


@pytest.mark.parametrize("revision", older())
def test_what_an_older_version_wrote_is_all_there_after_the_upgrade(database: Database, revision: str):
    config = alembic_config(database)
    command.upgrade(config, "0001")
    written = write_a_row_of_each(database)
    command.upgrade(config, revision)
    migrate(database)
    with database.read() as session:
        for name, values in written.items():
            table = Base.metadata.tables[name]
            [found] = session.execute(
                select(*[table.c[column] for column in values]).where(table.c.id == "x")
            ).mappings()
            assert dict(found) == values, name
    command.check(config)


def write_a_row_of_each(database: Database) -> dict[str, dict[str, Any]]:
    """A film, its upload and its post by somebody, as the first version knew them."""
    when = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
    about = {"filename": "é.mp4", "file_size": 5_000_000_000, "mime_type": "video/mp4", "provider": "local"}
    times = {"created_at": when, "updated_at": when}
    state = {"status": "ready", "metadata": {"a": [1]}}
    rows: dict[str, dict[str, Any]] = {
        "users": {"id": "x", "username": "ann", "name": "Ann", "verified": True, "created_at": when},
        "videos": {
            "id": "x",
            "user_id": "x",
            **about,
            "status": "ready",
            "metadata": {"a": [1]},
            "version": 3,
            **times,
        },
        "video_uploads": {"id": "x", "user_id": "x", **about, **state, "created_at": when},
        "posts": {"id": "x", "user_id": "x", "video_id": "x", "content": "Hi", "type": "video", **times, **COUNTS},
        "jobs": {"id": "x", "kind": "k", "key": "k", "payload": {}, "attempts": 1, "max_attempts": 5, "run_at": when},
    }
    for name, values in rows.items():
        write(database, name, **values)
    return rows


def write(database: Database, table: str, **values: Any) -> None:  # noqa: ANN401 (any column)
    """A row of a version that knew these columns and no others."""
    types = Base.metadata.tables[table].c
    then = Table(table, MetaData(), *[Column(column, types[column].type) for column in values])
    with database.write() as session:
        session.execute(insert(then).values(values))


def test_a_migration_that_breaks_off_leaves_nothing_behind(database: Database):
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE video_uploads (in_the_way integer)"))
    with pytest.raises(Exception, match="video_uploads"):
        migrate(database)
    assert tables(database) == {"video_uploads"}


MIGRATE = """
import sys
from tests.backend.databases import databases
from uploader.backend.store.database import Database
from uploader.backend.store.migrate import migrate
database = Database(sys.argv[1])
sys.stdin.read()
migrate(database)
database.close()
"""


@pytest.mark.timeout(900)
def test_four_processes_that_start_at_once_migrate_once(database: Database, tmp_path: Path):
    command_line = [sys.executable, "-W", "error", "-c", MIGRATE, databases.empty(tmp_path)]
    with ExitStack() as stack:
        started = [
            stack.enter_context(subprocess.Popen(command_line, stdin=PIPE, stderr=PIPE, text=True)) for _ in range(4)
        ]
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
        assert [(process.wait(300), process.stderr and process.stderr.read()) for process in started] == [(0, "")] * 4
    assert tables(database) == {"alembic_version", *Base.metadata.tables}


@pytest.mark.one_database("SQLite alone can have them off")
def test_foreign_keys_are_on_again_after_migrating(database: Database):
    migrate(database)
    with database.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_a_database_of_a_later_version_is_left_alone(database: Database):
    migrate(database)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseTooNew):
        migrate(database)
