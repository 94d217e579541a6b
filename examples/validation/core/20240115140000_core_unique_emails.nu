# migrate: late
#
# In a new database, an earlier migration of the same run creates the table. So this script runs
# right before the constraint is added.
use migrate/checks.nu *

require-column customer email --type text
require-unique customer [email]
