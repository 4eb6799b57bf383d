if [ "$1" = configure ] || [ "$1" = abort-upgrade ] || [ "$1" = abort-deconfigure ] || [ "$1" = abort-remove ]; then
  account
  deb-systemd-helper unmask rollcall-agent.service >/dev/null || true
  if deb-systemd-helper --quiet was-enabled rollcall-agent.service; then
    deb-systemd-helper enable rollcall-agent.service >/dev/null || true
  else
    deb-systemd-helper update-state rollcall-agent.service >/dev/null || true
  fi
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    # The unit starts only on a machine that is enrolled.
    deb-systemd-invoke restart rollcall-agent.service >/dev/null || true
  fi
fi
