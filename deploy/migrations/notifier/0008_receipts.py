"""Receipts for whoever asked, in the same ledger as everything else."""

from alembic import op

revision = "notifier_0008"
down_revision = "notifier_0007"
branch_labels = None
depends_on = None

STEPS = (
    "ALTER TABLE delivery DROP CONSTRAINT delivery_purpose_check",
    """
    ALTER TABLE delivery ADD CONSTRAINT delivery_purpose_check
    CHECK (purpose IN ('notice', 'stand_down', 'alert', 'copy', 'receipt'))
    """,
)


def upgrade() -> None:
    """Let the ledger hold receipts."""
    for step in STEPS:
        op.execute(step)


def downgrade() -> None:
    """Refuse: receipts that went out would be lost from the ledger."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
