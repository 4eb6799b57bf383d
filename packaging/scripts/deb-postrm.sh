if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = remove ] && command -v deb-systemd-helper >/dev/null 2>&1; then
  deb-systemd-helper mask @NAME@.service >/dev/null || true
fi
if [ "$1" = purge ]; then
  if command -v deb-systemd-helper >/dev/null 2>&1; then
    deb-systemd-helper purge @NAME@.service >/dev/null || true
    deb-systemd-helper unmask @NAME@.service >/dev/null || true
  fi
  rm -rf @STATE@ @ETC@
  rm -f /etc/default/@NAME@
  if command -v userdel >/dev/null 2>&1 && id @ACCOUNT@ >/dev/null 2>&1; then
    userdel @ACCOUNT@ >/dev/null 2>&1 || true
  fi
  if command -v groupdel >/dev/null 2>&1 && getent group @ACCOUNT@ >/dev/null; then
    groupdel @ACCOUNT@ >/dev/null 2>&1 || true
  fi
fi
