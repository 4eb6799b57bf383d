# The database in /var/lib/rollcall stays, and with it the account that owns it.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
