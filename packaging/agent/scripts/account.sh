# account makes the account that the agent runs as.
account() {
  if ! getent group rollcall-agent >/dev/null 2>&1; then
    groupadd --system rollcall-agent
  fi
  if ! id rollcall-agent >/dev/null 2>&1; then
    useradd --system --gid rollcall-agent --home-dir /var/lib/rollcall-agent --no-create-home \
      --shell /usr/sbin/nologin --comment "Rollcall agent" rollcall-agent
  fi
  if [ ! -d /var/lib/rollcall-agent ]; then
    mkdir -m 0700 /var/lib/rollcall-agent
    chown rollcall-agent:rollcall-agent /var/lib/rollcall-agent
  fi
}

