if [ "$1" = remove ]; then
  if [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop rollcall-aggregator.service >/dev/null || true
  fi
fi
