"""Mail besides a way that failed (H33), and the trace to which the sending of a notice belongs."""

from alembic import op

revision = "notifier_0006"
down_revision = "notifier_0005"
branch_labels = None
depends_on = None

STEPS = (
    "ALTER TABLE decision ADD COLUMN traceparent text",
    "ALTER TABLE early ADD COLUMN traceparent text",
    "ALTER TABLE delivery DROP CONSTRAINT delivery_purpose_check",
    """
    ALTER TABLE delivery ADD CONSTRAINT delivery_purpose_check
    CHECK (purpose IN ('notice', 'stand_down', 'alert', 'copy'))
    """,
    "DROP INDEX delivery_once",
    """
    CREATE UNIQUE INDEX delivery_once ON delivery (decision_id, role)
    WHERE purpose IN ('notice', 'stand_down')
    """,
)


def upgrade() -> None:
    """Let the ledger hold copies beside notices, and decisions the trace that they came in."""
    for step in STEPS:
        op.execute(step)


def downgrade() -> None:
    """Refuse: copies that went out would be lost from the ledger."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
