account
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1; then
  systemctl enable rollcall-agent.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
  if [ "$1" -eq 1 ]; then
    # The unit starts only on a machine that is enrolled.
    systemctl start rollcall-agent.service || :
  else
    # One that was stopped stays so.
    systemctl try-restart rollcall-agent.service || :
  fi
fi
