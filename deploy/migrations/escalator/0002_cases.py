"""Cases with their due times, what was heard, what was decided, and the policies in force."""

from alembic import op

revision = "escalator_0002"
down_revision = "escalator_0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE ticket_state (
        key text PRIMARY KEY,
        topic_partition integer NOT NULL,
        version bigint NOT NULL,
        status text NOT NULL,
        tier smallint NOT NULL,
        epoch bigint NOT NULL,
        due_at timestamptz,
        due_token uuid NOT NULL,
        updated_at timestamptz NOT NULL,
        body json NOT NULL
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE INDEX ticket_state_due ON ticket_state (topic_partition, due_at)
    WHERE due_at IS NOT NULL
    """,
    # Whoever has not yet looked at the newest policy; closed cases never need to.
    """
    CREATE INDEX ticket_state_behind ON ticket_state (epoch)
    WHERE status NOT IN ('resolved', 'closed', 'merged', 'cancelled')
    """,
    """
    CREATE TABLE seen_event (
        source text NOT NULL,
        event_id text NOT NULL,
        ticket text NOT NULL,
        body_sha256 bytea NOT NULL,
        seen_at timestamptz NOT NULL,
        PRIMARY KEY (source, event_id)
    )
    """,
    "CREATE INDEX seen_event_by_age ON seen_event USING brin (seen_at)",
    """
    CREATE TABLE ticket_event (
        ticket text NOT NULL,
        order_key bigint GENERATED ALWAYS AS IDENTITY,
        effective_at timestamptz NOT NULL,
        event_id text NOT NULL,
        heard json NOT NULL,
        PRIMARY KEY (ticket, order_key)
    )
    """,
    """
    CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ticket text NOT NULL,
        version bigint NOT NULL,
        id uuid NOT NULL UNIQUE,
        payload bytea NOT NULL,
        created_at timestamptz NOT NULL,
        published_at timestamptz,
        dead_at timestamptz,
        UNIQUE (ticket, version)
    )
    """,
    """
    CREATE INDEX outbox_waiting ON outbox (seq)
    WHERE published_at IS NULL AND dead_at IS NULL
    """,
    "CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL",
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
        service_version text NOT NULL,
        created_at timestamptz NOT NULL,
        replayed_at timestamptz,
        UNIQUE (topic, partition, "offset")
    )
    """,
    """
    CREATE TABLE policy_version (
        epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL,
        version integer NOT NULL UNIQUE,
        digest text NOT NULL,
        text text NOT NULL,
        active_from timestamptz NOT NULL,
        asked_for timestamptz,
        by text,
        recorded_at timestamptz NOT NULL
    )
    """,
    # How long some ticker has been at work without a break; one row.
    "CREATE TABLE ticking (since timestamptz NOT NULL, at timestamptz NOT NULL)",
    "INSERT INTO ticking VALUES ('-infinity', '-infinity')",
)


def upgrade() -> None:
    """Create the escalator's tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: cases and what was decided are never thrown away by stepping back."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
