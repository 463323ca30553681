"""Signing in on another computer, and at an issuer of the operator's."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oauth_devices",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user_code", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("polled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_oauth_devices_user_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name="pk_oauth_devices"),
        sa.UniqueConstraint("user_code", name="uq_oauth_devices_user_code"),
    )
    op.create_index("idx_oauth_devices_user_id", "oauth_devices", ["user_id"])
    op.add_column("users", sa.Column("auth_issuer", sa.String(length=255), nullable=True))
    op.add_column("users", sa.Column("auth_subject", sa.String(length=255), nullable=True))
    op.create_index("uq_users_auth_issuer_auth_subject", "users", ["auth_issuer", "auth_subject"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_users_auth_issuer_auth_subject", "users")
    op.drop_column("users", "auth_subject")
    op.drop_column("users", "auth_issuer")
    op.drop_index("idx_oauth_devices_user_id", "oauth_devices")
    op.drop_table("oauth_devices")
