if [ "$1" = remove ]; then
  if [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop rollcall-agent.service >/dev/null || true
  fi
  goodbye
fi
