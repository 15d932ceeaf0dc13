"""What a storm asks for: calls found by version, and a cheap look whether subscriptions changed."""

from alembic import op

revision = "notifier_0007"
down_revision = "notifier_0006"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Whether a call is overtaken is asked of every row that is taken: without the version, each
    # asking reads all calls of its escalation and role.
    "DROP INDEX delivery_by_call",
    """
    CREATE INDEX delivery_by_call ON delivery (escalation, role, version)
    WHERE escalation IS NOT NULL
    """,
    """
    CREATE TABLE subscription_version (
        version bigint NOT NULL,
        one boolean PRIMARY KEY DEFAULT true CHECK (one)
    )
    """,
    "INSERT INTO subscription_version (version) VALUES (1)",
    # By the table itself, so that no way of changing it can forget.
    """
    CREATE FUNCTION count_subscription_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE subscription_version SET version = version + 1;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER subscription_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON subscription FOR EACH STATEMENT EXECUTE FUNCTION count_subscription_change()
    """,
)


def upgrade() -> None:
    """Build the index anew, and count changes of subscriptions."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a notifier that follows the count would miss changes."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
