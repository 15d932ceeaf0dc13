"""No ticket names its account manager: its customer does, in the roster."""

from alembic import op

revision = "notifier_0011"
down_revision = "notifier_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take the name that was always null out of what is known of tickets."""
    op.execute("UPDATE ticket SET facts = facts - 'account_manager'")
    op.execute("UPDATE decision SET facts = facts - 'account_manager'")


def downgrade() -> None:
    """Do nothing: what reads the facts takes a name that is not there for null."""
