# Is this the expected server? This is checked before any SQL runs.
use migrate/checks.nu *

require-server-version 12
require-schema public

# The result of a script is in the report of the run.
query "SELECT current_setting('server_version') AS server, current_setting('TimeZone') AS zone" | first
