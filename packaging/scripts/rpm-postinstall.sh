account
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1; then
  systemctl enable @NAME@.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
  if [ "$1" -eq 1 ]; then
    systemctl start @NAME@.service || :
  else
    # One that was stopped stays so.
    systemctl try-restart @NAME@.service || :
  fi
fi
