"""When a video's provider is to be asked again."""

import sqlalchemy as sa
from alembic import op

revision = "0004b"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("look_after", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("videos", "look_after")  # not by batch: the table's check constraint would be lost
