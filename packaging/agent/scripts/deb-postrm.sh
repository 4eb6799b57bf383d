if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = remove ] && command -v deb-systemd-helper >/dev/null 2>&1; then
  deb-systemd-helper mask rollcall-agent.service >/dev/null || true
fi
if [ "$1" = purge ]; then
  if command -v deb-systemd-helper >/dev/null 2>&1; then
    deb-systemd-helper purge rollcall-agent.service >/dev/null || true
    deb-systemd-helper unmask rollcall-agent.service >/dev/null || true
  fi
  rm -rf /var/lib/rollcall-agent /etc/rollcall-agent
  rm -f /etc/default/rollcall-agent
  if command -v userdel >/dev/null 2>&1 && id rollcall-agent >/dev/null 2>&1; then
    userdel rollcall-agent >/dev/null 2>&1 || true
  fi
  if command -v groupdel >/dev/null 2>&1 && getent group rollcall-agent >/dev/null; then
    groupdel rollcall-agent >/dev/null 2>&1 || true
  fi
fi
