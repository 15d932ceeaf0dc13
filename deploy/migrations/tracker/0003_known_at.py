"""When messages became known, for past answers; places in the log; whose turn it is."""

from __future__ import annotations

from alembic import op

revision = "tracker_0003"
down_revision = "tracker_0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE timeline ADD COLUMN known_at timestamptz",
    # Of what was read before, its receipt is the nearest that is known.
    "UPDATE timeline SET known_at = received_at",
    "ALTER TABLE timeline ALTER COLUMN known_at SET NOT NULL",
    # Rows come in the order of this time, so a few words for each range of pages are enough.
    "CREATE INDEX timeline_known ON timeline USING brin (known_at) WITH (pages_per_range = 32)",
    'CREATE INDEX timeline_in_log ON timeline (kind, partition, "offset")',
    """
    CREATE INDEX timeline_of_history ON timeline (at) WHERE kind = 1 AND type IN
        ('case.opened', 'case.reopened', 'case.closed', 'tier.changed', 'timer.breached')
    """,
    """
    CREATE TABLE repetition (
        identity bytea NOT NULL,
        known_at timestamptz NOT NULL,
        n integer NOT NULL
    )
    """,
    """
    INSERT INTO repetition (identity, known_at, n)
    SELECT identity, received_at, repeats FROM timeline WHERE repeats > 0
    """,
    "CREATE INDEX repetition_of ON repetition (identity)",
    "ALTER TABLE ticket ADD COLUMN teams text NOT NULL DEFAULT ''",
    # Whose turn it is: the tier's, and those whom open escalations were raised to.
    """
    UPDATE ticket SET teams = coalesce((
        SELECT string_agg(name, ' ' ORDER BY name) FROM (
            SELECT 't' || ticket.tier AS name WHERE ticket.tier > 0
            UNION
            SELECT said ->> 'target'
            FROM jsonb_each(CAST(ticket.state AS jsonb) #> '{case,escalations}') AS one (id, said)
            WHERE said ? 'raised' AND NOT said ? 'ended'
        ) AS teams
    ), '') WHERE open
    """,
    "ALTER TABLE ticket ALTER COLUMN teams DROP DEFAULT",
    "ALTER TABLE ticket ADD COLUMN part_of text",
    "UPDATE ticket SET part_of = CAST(state AS jsonb) #>> '{case,group,1}'",
    "CREATE INDEX ticket_of_group ON ticket (part_of) WHERE part_of IS NOT NULL",
)


def upgrade() -> None:
    """Add the time, the places in the log, the repetitions, the teams and the groups."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Refuse: when something became known is not in the topics."""
    message = "forward only; restore a backup instead"
    raise NotImplementedError(message)
