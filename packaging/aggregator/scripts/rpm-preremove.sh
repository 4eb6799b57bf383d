if [ "$1" -eq 0 ]; then
  if command -v systemctl >/dev/null 2>&1; then
    systemctl --no-reload disable --now rollcall-aggregator.service >/dev/null 2>&1 || :
  fi
fi
