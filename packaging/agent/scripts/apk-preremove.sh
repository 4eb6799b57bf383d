rc-service --ifstarted rollcall-agent stop || true
rc-update del rollcall-agent default >/dev/null 2>&1 || true
goodbye
