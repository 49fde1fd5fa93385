"""Alembic's entry for the state schema: runs on the connection that ``migrate`` hands in."""

from alembic import context

from hedgerow.store.tables import state

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=state,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
