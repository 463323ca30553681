"""Until when one request has the turn to ask a provider for leave to upload."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("video_uploads", sa.Column("granting_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("video_uploads", "granting_until")
