"""The tracker's clock and progress."""

from __future__ import annotations

from deploy.migrations.common import create_base

revision = "tracker_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create ``clock()`` and ``progress``."""
    create_base()


def downgrade() -> None:
    """Refuse: what was read is not thrown away by stepping back."""
    message = "progress is never dropped; restore a backup instead"
    raise NotImplementedError(message)
