"""Posts that the server publishes when their video is ready."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("videos", sa.Column("best_height", sa.Integer(), nullable=True))
    op.add_column("videos", sa.Column("complete", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.create_table(
        "pending_posts",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=False),
        sa.Column("video_id", sa.String(length=255), nullable=True),
        sa.Column("community_id", sa.String(length=255), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("type", sa.String(length=50), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("min_height", sa.Integer(), nullable=True),
        sa.Column("min_height_met", sa.Boolean(), nullable=True),
        sa.Column("problem", sa.String(length=50), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('draft', 'waiting', 'published', 'not_published', 'cancelled')",
            name="ck_pending_posts_state",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_pending_posts_user_id_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["video_id"], ["videos.id"], name="fk_pending_posts_video_id_videos", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_pending_posts"),
    )
    op.create_index("idx_pending_posts_video_id", "pending_posts", ["video_id"])
    op.create_index("idx_pending_posts_user_id_created_at", "pending_posts", ["user_id", "created_at"])


def downgrade() -> None:
    op.drop_table("pending_posts")
    op.drop_column("videos", "complete")
    op.drop_column("videos", "best_height")
