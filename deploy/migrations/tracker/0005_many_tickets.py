"""How tickets stand as sums that are kept, and lists by opening and update in the order of an index."""

from __future__ import annotations

from alembic import op

revision = "tracker_0005"
down_revision = "tracker_0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    # A part of the sums that no partition writes any more.
    """
    INSERT INTO tally (topic, partition, what, label, n)
    SELECT '', 0, 'standings', split_part(key, ':', 1) || ':' || tier || ':'
        || coalesce(priority, '') || ':' || status || ':'
        || CASE WHEN open THEN 'open' ELSE 'done' END AS label, count(*)
    FROM ticket GROUP BY label
    """,
    "CREATE INDEX ticket_by_opening ON ticket (opened_at, key)",
    "CREATE INDEX ticket_by_update ON ticket (updated_at, key)",
)


def upgrade() -> None:
    """Add the sums and the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: an older version would not keep the sums."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
