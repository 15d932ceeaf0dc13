"""The first step of every schema: its clock, and how far it has read."""

from __future__ import annotations

from alembic import op

_CLOCK = """
CREATE FUNCTION clock() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN coalesce(nullif(current_setting('tierline.clock_speed', true), ''), '1')::numeric = 1
         AND coalesce(nullif(current_setting('tierline.clock_offset_s', true), ''), '0')::numeric = 0
        THEN clock_timestamp()
        ELSE to_timestamp((
            extract(epoch FROM clock_timestamp())
            * coalesce(nullif(current_setting('tierline.clock_speed', true), ''), '1')::numeric
            + coalesce(nullif(current_setting('tierline.clock_offset_s', true), ''), '0')::numeric
        )::double precision)
    END
$$
"""

_PROGRESS = """
CREATE TABLE progress (
    topic text NOT NULL,
    partition integer NOT NULL CHECK (partition >= 0),
    next_offset bigint NOT NULL CHECK (next_offset >= 0),
    caught_up_at timestamptz,
    cluster_id text NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)
"""


def create_base() -> None:
    """Create ``clock()`` and ``progress`` in the schema that is being migrated.

    ``clock()`` is real time times ``tierline.clock_speed`` plus ``tierline.clock_offset_s``
    seconds, settings of the connection; 1 and 0 when they are not set. A row of ``progress`` is
    written with every batch, hence the free space for updates in place.
    """
    op.execute(_CLOCK)
    op.execute(_PROGRESS)
