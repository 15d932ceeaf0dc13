-- One role for each service, which may change the rows of its own schema and see no other.
--
-- Run once by a superuser, before `tierline migrate`, with psql: the compose file hands it to the
-- image's first start; elsewhere:
--
--   psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
--
-- with the three passwords in the environment. Tables belong to whoever runs `tierline migrate`,
-- which must be the one who ran this.

\getenv escalator_password DATABASE_PASSWORD_ESCALATOR
\getenv notifier_password DATABASE_PASSWORD_NOTIFIER
\getenv tracker_password DATABASE_PASSWORD_TRACKER

CREATE ROLE escalator LOGIN PASSWORD :'escalator_password';
CREATE ROLE notifier LOGIN PASSWORD :'notifier_password';
CREATE ROLE tracker LOGIN PASSWORD :'tracker_password';

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO escalator, notifier, tracker;

CREATE SCHEMA escalator;
CREATE SCHEMA notifier;
CREATE SCHEMA tracker;
GRANT USAGE ON SCHEMA escalator TO escalator;
GRANT USAGE ON SCHEMA notifier TO notifier;
GRANT USAGE ON SCHEMA tracker TO tracker;

-- For the tables that migrations will make.
ALTER DEFAULT PRIVILEGES IN SCHEMA escalator GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO escalator;
ALTER DEFAULT PRIVILEGES IN SCHEMA notifier GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO notifier;
ALTER DEFAULT PRIVILEGES IN SCHEMA tracker GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tracker;
ALTER DEFAULT PRIVILEGES IN SCHEMA escalator GRANT USAGE ON SEQUENCES TO escalator;
ALTER DEFAULT PRIVILEGES IN SCHEMA notifier GRANT USAGE ON SEQUENCES TO notifier;
ALTER DEFAULT PRIVILEGES IN SCHEMA tracker GRANT USAGE ON SEQUENCES TO tracker;
