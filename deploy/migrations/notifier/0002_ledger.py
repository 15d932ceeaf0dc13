"""The ledger of deliveries, what was heard of each ticket, gates, outbox, dead letters."""

from alembic import op

revision = "notifier_0002"
down_revision = "notifier_0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE ticket (
        ticket text PRIMARY KEY,
        version bigint NOT NULL,
        last_id uuid,
        status text NOT NULL,
        status_version bigint NOT NULL,
        facts jsonb NOT NULL,
        calls jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE decision (
        id uuid PRIMARY KEY,
        ticket text NOT NULL,
        version bigint NOT NULL,
        type text NOT NULL,
        at timestamptz NOT NULL,
        data jsonb NOT NULL,
        facts jsonb NOT NULL,
        rows integer NOT NULL CHECK (rows > 0),
        planned_at timestamptz NOT NULL,
        UNIQUE (ticket, version)
    )
    """,
    """
    CREATE TABLE delivery (
        id uuid PRIMARY KEY,
        decision_id uuid NOT NULL REFERENCES decision (id),
        ticket text NOT NULL,
        version bigint NOT NULL,
        escalation text,
        role text NOT NULL,
        person text,
        purpose text NOT NULL CHECK (purpose IN ('notice', 'stand_down', 'alert')),
        mode text NOT NULL,
        fyi boolean NOT NULL,
        ladder boolean NOT NULL,
        code text,
        priority text,
        ways text[] NOT NULL,
        way smallint NOT NULL,
        rounds integer NOT NULL,
        channel text,
        address text,
        target text,
        gate text,
        state text NOT NULL CHECK (state IN (
            'planned', 'claimed', 'retry', 'uncertain', 'sent', 'delivered', 'suppressed', 'dead',
            'discarded'
        )),
        reason text,
        attempt integer NOT NULL,
        planned_at timestamptz NOT NULL,
        hold_until timestamptz,
        finished_at timestamptz,
        next_at timestamptz,
        lease_until timestamptz,
        first_attempt_at timestamptz,
        provider_ref text,
        last_error text,
        digest uuid
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE UNIQUE INDEX delivery_once ON delivery (decision_id, role)
    WHERE purpose <> 'alert'
    """,
    """
    CREATE INDEX delivery_due ON delivery (target, next_at) INCLUDE (gate, hold_until)
    WHERE state IN ('planned', 'retry', 'uncertain')
    """,
    "CREATE INDEX delivery_under_way ON delivery (gate, lease_until) WHERE state = 'claimed'",
    """
    CREATE INDEX delivery_in_line ON delivery (ticket, target, version)
    WHERE state IN ('planned', 'claimed', 'retry', 'uncertain')
    """,
    "CREATE INDEX delivery_by_ticket ON delivery (ticket, version)",
    "CREATE INDEX delivery_by_call ON delivery (escalation, role) WHERE escalation IS NOT NULL",
    "CREATE INDEX delivery_newest ON delivery (planned_at DESC, id DESC)",
    "CREATE INDEX decision_newest ON decision (planned_at)",
    "CREATE INDEX delivery_dead ON delivery (planned_at DESC, id DESC) WHERE state = 'dead'",
    """
    CREATE TABLE attempt (
        delivery_id uuid NOT NULL REFERENCES delivery (id),
        attempt integer NOT NULL,
        channel text NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        outcome text,
        detail text,
        PRIMARY KEY (delivery_id, attempt)
    )
    """,
    """
    CREATE TABLE gate (
        gate text PRIMARY KEY,
        tokens double precision NOT NULL,
        refilled_at timestamptz NOT NULL,
        failures integer NOT NULL,
        open_until timestamptz,
        pause interval,
        gone boolean NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE early (
        ticket text NOT NULL,
        version bigint NOT NULL,
        id uuid NOT NULL,
        type text NOT NULL,
        at timestamptz NOT NULL,
        data jsonb NOT NULL,
        heard_at timestamptz NOT NULL,
        PRIMARY KEY (ticket, version)
    )
    """,
    """
    CREATE TABLE outbox (
        seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        ticket text NOT NULL,
        id uuid NOT NULL UNIQUE,
        payload bytea NOT NULL,
        created_at timestamptz NOT NULL,
        published_at timestamptz
    )
    """,
    "CREATE INDEX outbox_unpublished ON outbox (seq) WHERE published_at IS NULL",
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
        created_at timestamptz NOT NULL,
        settled text CHECK (settled IN ('replayed', 'discarded')),
        UNIQUE (topic, partition, "offset")
    )
    """,
    """
    CREATE TABLE operator_act (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        letter text NOT NULL,
        act text NOT NULL CHECK (act IN ('replayed', 'discarded')),
        actor text NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX operator_act_of_letter ON operator_act (letter, id)",
)


def upgrade() -> None:
    """Create the notifier's tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: a ledger is not thrown away by stepping back."""
    message = "the ledger is never dropped; restore a backup instead"
    raise NotImplementedError(message)
