# account makes the account that the service runs as.
account() {
  if ! getent group @ACCOUNT@ >/dev/null 2>&1; then
    groupadd --system @ACCOUNT@
  fi
  if ! id @ACCOUNT@ >/dev/null 2>&1; then
    useradd --system --gid @ACCOUNT@ --home-dir @STATE@ --no-create-home \
      --shell /usr/sbin/nologin --comment "@TITLE@" @ACCOUNT@
  fi
  if [ ! -d @STATE@ ]; then
    mkdir -m 0700 @STATE@
    chown @ACCOUNT@:@ACCOUNT@ @STATE@
  fi
}

