account
rc-service --ifstarted rollcall-agent restart || true
