"""Why a policy version was activated, in a sentence."""

from alembic import op

revision = "escalator_0003"
down_revision = "escalator_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the sentence."""
    op.execute("ALTER TABLE policy_version ADD COLUMN note text")


def downgrade() -> None:
    """Refuse: what was said of a version is part of its history."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
