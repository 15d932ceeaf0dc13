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
        revision bigint NOT NULL,
        status text NOT NULL,
        open boolean NOT NULL,
        tier smallint,
        priority text,
        owner text,
        customer text,
        title text,
        opened_at timestamptz,
        updated_at timestamptz NOT NULL,
        version bigint NOT NULL,
        missing bigint NOT NULL,
        next_due timestamptz,
        state json NOT NULL
    ) WITH (fillfactor = 70)
    """,
    """
    CREATE INDEX ticket_by_breach ON ticket (coalesce(next_due, 'infinity'::timestamptz), key)
    """,
    """
    CREATE INDEX ticket_by_opening ON ticket (coalesce(opened_at, 'infinity'::timestamptz), key)
    """,
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
        repeats integer NOT NULL,
        message json NOT NULL
    )
    """,
    'CREATE INDEX timeline_of_ticket ON timeline (ticket, at, kind, "offset")',
    """
    CREATE TABLE notice (
        id uuid PRIMARY KEY,
        ticket text NOT NULL,
        state text NOT NULL,
        attempt integer NOT NULL,
        rank smallint NOT NULL,
        data json NOT NULL
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
