"""Who and what was erased, so that it stays so when the tables are made anew."""

from __future__ import annotations

from alembic import op

revision = "tracker_0004"
down_revision = "tracker_0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE erased_person (
        digest bytea PRIMARY KEY,
        until timestamptz NOT NULL,
        words smallint NOT NULL CHECK (words > 0),
        in_texts boolean NOT NULL
    )
    """,
    """
    CREATE TABLE erased_ticket (
        ticket text PRIMARY KEY,
        until timestamptz NOT NULL,
        names boolean NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Add the two lists."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what was erased would come back with the next rebuild."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
