"""Cards and rooms in chats, answers by button and link, and how a ticket stands."""

from alembic import op

revision = "notifier_0004"
down_revision = "notifier_0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE ticket ADD COLUMN tier smallint",
    "ALTER TABLE ticket ADD COLUMN priority text",
    "ALTER TABLE ticket ADD COLUMN restricted boolean NOT NULL DEFAULT false",
    """
    CREATE INDEX ticket_wants_room ON ticket (ticket)
    WHERE status = 'open' AND (priority = 'P1' OR tier = 3)
    """,
    """
    CREATE TABLE card (
        place text NOT NULL,
        ticket text NOT NULL,
        channel text NOT NULL,
        message text NOT NULL,
        version bigint NOT NULL,
        lease_until timestamptz,
        PRIMARY KEY (place, ticket)
    )
    """,
    "CREATE INDEX card_by_ticket ON card (ticket)",
    """
    CREATE TABLE room (
        ticket text PRIMARY KEY,
        channel text,
        state text NOT NULL CHECK (state IN ('opening', 'open', 'archived')),
        invited text[] NOT NULL,
        lease_until timestamptz
    )
    """,
    "CREATE INDEX room_open ON room (ticket) WHERE state <> 'archived'",
    """
    CREATE TABLE answer (
        id text PRIMARY KEY,
        ticket text NOT NULL,
        escalation text NOT NULL,
        person text NOT NULL,
        role text NOT NULL,
        act text NOT NULL,
        through text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX answer_by_ticket ON answer (ticket, at)",
    # Calls for a P1 are paced by a gate of their own; whoever has the other one gets it too.
    """
    INSERT INTO gate (gate, tokens, refilled_at, failures, gone)
    SELECT 'now:' || substr(gate, 4), 'infinity', refilled_at, 0, false FROM gate
    WHERE gate LIKE 'to:%'
    ON CONFLICT DO NOTHING
    """,
)


def upgrade() -> None:
    """Create the tables of chats and answers."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: what people answered is not thrown away by stepping back."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
