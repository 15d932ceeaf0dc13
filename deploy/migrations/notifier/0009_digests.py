"""Digests about a group: one row for each account manager, and when each is told next."""

from alembic import op

revision = "notifier_0009"
down_revision = "notifier_0008"
branch_labels = None
depends_on = None

STEPS = (
    """
    CREATE TABLE digest_slot (
        about text NOT NULL,
        person text NOT NULL,
        goes_at timestamptz NOT NULL,
        PRIMARY KEY (about, person)
    )
    """,
    # One decision about a group tells several people in the same role.
    "DROP INDEX delivery_once",
    """
    CREATE UNIQUE INDEX delivery_once ON delivery (decision_id, role, coalesce(person, ''))
    WHERE purpose IN ('notice', 'stand_down')
    """,
)


def upgrade() -> None:
    """Let a role be several people's, and remember when each is told next."""
    for step in STEPS:
        op.execute(step)


def downgrade() -> None:
    """Refuse: account managers would be told anew, and more often than the policy says."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
