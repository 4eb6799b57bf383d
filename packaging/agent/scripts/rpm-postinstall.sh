account
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
if [ "$1" -eq 1 ] && command -v systemctl >/dev/null 2>&1; then
  systemctl enable rollcall-agent.service >/dev/null 2>&1 || :
fi
if [ -d /run/systemd/system ]; then
  # The unit starts only on a machine that is enrolled.
  systemctl restart rollcall-agent.service || :
fi
