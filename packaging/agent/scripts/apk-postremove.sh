rm -rf /var/lib/rollcall-agent
deluser rollcall-agent >/dev/null 2>&1 || true
delgroup rollcall-agent >/dev/null 2>&1 || true
