# migrate: late
#
# Is the backfill complete? A row without a name would stop the validation halfway.
use migrate/checks.nu *

require-not-null person family_name
