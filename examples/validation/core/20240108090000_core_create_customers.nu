# Before anything else: is this the server we know?
use migrate/checks.nu *

require-server-version 12
require-schema public

# What a script gives is in the report of the run.
query "SELECT current_setting('server_version') AS server, current_setting('TimeZone') AS zone" | first
