"""A mark for rows of the outbox that Kafka can never take."""

from alembic import op

revision = "notifier_0003"
down_revision = "notifier_0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE outbox ADD COLUMN dead_at timestamptz",
    "DROP INDEX outbox_unpublished",
    """
    CREATE INDEX outbox_waiting ON outbox (seq)
    WHERE published_at IS NULL AND dead_at IS NULL
    """,
)


def upgrade() -> None:
    """Add the mark, and leave dead rows out of the index of those that wait."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what was marked dead must not be tried again for ever."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
