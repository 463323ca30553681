"""What all servers of one database have to agree on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005b"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "server_facts",
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_server_facts"),
    )


def downgrade() -> None:
    op.drop_table("server_facts")
