systemctl --no-reload disable --now rollcall-agent.service >/dev/null 2>&1 || true
goodbye
