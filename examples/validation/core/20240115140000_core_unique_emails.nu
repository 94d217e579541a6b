# migrate: late
#
# The table may be made by an earlier step of the same run, so this looks right before the
# constraint is added: on a new database as well as on one that has been in use for years.
use migrate/checks.nu *

require-column customer email --type text
require-unique customer [email]
