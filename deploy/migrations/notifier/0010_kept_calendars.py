"""The last good text of each calendar that a roster names by an address."""

from alembic import op

revision = "notifier_0010"
down_revision = "notifier_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a notifier start with the calendars that it had, whether or not their servers answer."""
    op.execute(
        """
        CREATE TABLE kept_calendar (
            address text PRIMARY KEY,
            content bytea NOT NULL,
            fetched_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Refuse: a start without a calendar's server would know nobody from it."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
