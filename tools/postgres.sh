#!/usr/bin/env bash
# Makes sure that PostgreSQL's server programs are on this machine, and installs them on Debian and Ubuntu when not.
# Nothing is started: Rollcall and its tests run private clusters of their own.
set -euo pipefail

# has_server says whether the aggregator would find the programs; it looks in the same places.
has_server() {
  local dir
  for dir in "${ROLLCALL_AGGREGATOR_POSTGRES_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" \
    "$(dirname "$(readlink -f "$(command -v postgres || echo /nowhere/postgres)")")" \
    /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
    /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
    /Applications/Postgres.app/Contents/Versions/*/bin; do
    if [[ -n $dir && -x $dir/postgres && -x $dir/initdb ]]; then
      return 0
    fi
  done
  return 1
}

# as_root runs a command as root, through sudo where needed.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    echo "PostgreSQL is missing, and there is neither root nor sudo to install it. As root: apt-get install postgresql" >&2
    return 1
  fi
}

# install_debian installs the programs without the server on port 5432 that the package otherwise creates and starts.
install_debian() {
  local off=/etc/postgresql-common/createcluster.d/rollcall-install.conf
  as_root mkdir -p "$(dirname "$off")"
  echo 'create_main_cluster = false' | as_root tee "$off" >/dev/null
  trap 'as_root rm -f '"$off" EXIT
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null
}

# advice prints what to install where this script does not install it.
advice() {
  echo "PostgreSQL (14 or newer) is needed and was not found. Install it, then run this again:"
  case "$(uname -s)" in
    Darwin) echo "  brew install postgresql@17" ;;
    Linux)
      if command -v dnf >/dev/null 2>&1; then
        echo "  sudo dnf install postgresql-server"
      elif command -v zypper >/dev/null 2>&1; then
        echo "  sudo zypper install postgresql-server"
      elif command -v pacman >/dev/null 2>&1; then
        echo "  sudo pacman -S postgresql"
      elif command -v apk >/dev/null 2>&1; then
        echo "  sudo apk add postgresql"
      else
        echo "  the package of your system that holds the programs postgres and initdb"
      fi
      ;;
    *) echo "  the package of your system that holds the programs postgres and initdb" ;;
  esac
  echo "Programs in an unusual place are found through ROLLCALL_AGGREGATOR_POSTGRES_BIN=/folder/with/postgres."
}

if has_server; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  advice >&2
  exit 1
fi
echo "PostgreSQL is not on this machine: installing Debian's package postgresql (programs only, no server is started)."
install_debian
if ! has_server; then
  advice >&2
  exit 1
fi
