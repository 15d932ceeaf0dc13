"""The read model: tickets, their timelines, notices, sums, dead letters."""

from __future__ import annotations

from alembic import op

revision = "tracker_0002"
down_revision = "tracker_0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE ticket (
        key text PRIMARY KEY,
        status text NOT NULL,
        open boolean NOT NULL,
        tier smallint NOT NULL,
        priority text,
        owner text,
        customer text,
        title text,
        opened_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        missing bigint NOT NULL,
        next_due timestamptz NOT NULL,
        state json NOT NULL
    ) WITH (fillfactor = 70)
    """,
    # Open tickets are few beside those that were; the board and most lists ask for them only.
    "CREATE INDEX ticket_by_breach ON ticket (next_due, key) WHERE open",
    "CREATE INDEX ticket_of_tier_by_breach ON ticket (tier, next_due, key) WHERE open",
    "CREATE INDEX ticket_by_owner ON ticket (owner) WHERE open AND owner IS NOT NULL",
    "CREATE INDEX ticket_by_customer ON ticket (customer) WHERE customer IS NOT NULL",
    "CREATE INDEX ticket_with_gap ON ticket (key) WHERE missing > 0",
    """
    CREATE TABLE timeline (
        identity bytea PRIMARY KEY,
        ticket text NOT NULL,
        at timestamptz NOT NULL,
        kind smallint NOT NULL,
        "offset" bigint NOT NULL,
        partition integer NOT NULL,
        received_at timestamptz NOT NULL,
        type text NOT NULL,
        id text NOT NULL,
        repeats integer NOT NULL,
        message json NOT NULL
    )
    """,
    'CREATE INDEX timeline_of_ticket ON timeline (ticket, at, kind, "offset")',
    "CREATE INDEX timeline_of_event ON timeline (id) WHERE kind = 0",
    """
    CREATE TABLE notice (
        id uuid PRIMARY KEY,
        ticket text NOT NULL,
        state text NOT NULL,
        attempt integer NOT NULL,
        at timestamptz NOT NULL,
        said bytea NOT NULL
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX notice_of_ticket ON notice (ticket)",
    """
    CREATE TABLE tally (
        topic text NOT NULL,
        partition integer NOT NULL,
        what text NOT NULL,
        label text NOT NULL,
        n bigint NOT NULL,
        PRIMARY KEY (topic, partition, what, label)
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE dead_letter (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        topic text NOT NULL,
        partition integer NOT NULL,
        "offset" bigint NOT NULL,
        raw bytea,
        headers jsonb NOT NULL,
        error_class text NOT NULL,
        error text NOT NULL,
        created_at timestamptz NOT NULL,
        UNIQUE (topic, partition, "offset")
    )
    """,
)


def upgrade() -> None:
    """Create the read model's tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a read model is filled again from the topics, never stepped back."""
    message = "forward only; drop the schema tracker to have it filled again from the topics"
    raise NotImplementedError(message)
