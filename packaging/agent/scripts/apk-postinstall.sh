account
rc-update add rollcall-agent default >/dev/null 2>&1 || true
