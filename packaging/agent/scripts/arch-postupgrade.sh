account
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  systemctl try-restart rollcall-agent.service || true
fi
