"""Who wants to hear what, beyond those whom the policy calls."""

from alembic import op

revision = "notifier_0005"
down_revision = "notifier_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table of subscriptions."""
    op.execute(
        """
        CREATE TABLE subscription (
            name text PRIMARY KEY,
            subscriber text NOT NULL,
            topics text[] NOT NULL CHECK (cardinality(topics) > 0),
            events text[] NOT NULL CHECK (cardinality(events) > 0),
            priorities text[] NOT NULL,
            mode text NOT NULL,
            every_s integer CHECK (every_s > 0),
            quiet jsonb,
            urgent text[] NOT NULL,
            urgent_mode text NOT NULL,
            actor text NOT NULL,
            changed_at timestamptz NOT NULL
        )
        """
    )


def downgrade() -> None:
    """Refuse: what people asked for would be lost."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
