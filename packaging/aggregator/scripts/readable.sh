# The configuration may hold the password of a database: the service reads it, and nobody else.
account
if [ -e /etc/rollcall/aggregator.yaml ]; then
  chgrp rollcall /etc/rollcall/aggregator.yaml
fi

