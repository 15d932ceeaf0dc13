"""Run one schema's migrations on the connection that `shared.runtime.migrations` has opened."""

from __future__ import annotations

from alembic import context

schema = context.config.attributes["schema"]
context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=schema,
    version_table="alembic_version",
)
with context.begin_transaction():
    context.run_migrations()
