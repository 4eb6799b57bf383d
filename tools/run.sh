#!/usr/bin/env bash
# make run: an aggregator with a database of its own and an agent, both on this machine. Everything it keeps is in var/.
#
#   ONCE=1                      stop after the summary
#   LISTEN, GRPC_LISTEN         addresses instead of 127.0.0.1:8480 and 127.0.0.1:8481
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

LISTEN=${LISTEN:-127.0.0.1:8480}
GRPC_LISTEN=${GRPC_LISTEN:-127.0.0.1:8481}
URL=http://$LISTEN
ENV_FILE=var/rollcall.env
aggregator=bin/rollcall-aggregator
agent=bin/rollcall-agent
aggregator_pid=
agent_pid=

# shellcheck disable=SC2317 # called by the traps
# stop ends what this script started, the agent first, and waits for it.
stop() {
  trap - EXIT INT TERM
  local pid
  for pid in $agent_pid $aggregator_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 0' INT TERM

die() {
  echo "make run: $*" >&2
  exit 1
}

# refuse_busy stops with a clear message when something else listens on an address.
refuse_busy() {
  if (exec 3<>"/dev/tcp/${1%:*}/${1##*:}") 2>/dev/null; then
    die "something listens on $1 already (another make run?). Stop it, or choose others: make run LISTEN=127.0.0.1:9480 GRPC_LISTEN=127.0.0.1:9481"
  fi
}

# database prints the folder of the database: var/pg, unless we are root and the user that PostgreSQL has to run as
# may not enter this folder (/root, mostly).
database() {
  local user=postgres
  if [[ $(id -u) -ne 0 ]]; then
    echo var/pg
    return
  fi
  id "$user" >/dev/null 2>&1 || user=nobody
  if setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups test -x "$PWD/var" 2>/dev/null; then
    echo var/pg
  else
    echo "/var/lib/rollcall-run/$(pwd | cksum | cut -d' ' -f1)/pg"
  fi
}

# wait_ready waits until the aggregator answers /-/ready, at most two minutes.
wait_ready() {
  local deadline=$((SECONDS + 120))
  until $aggregator healthcheck --url "$URL" >/dev/null 2>&1; do
    kill -0 "$aggregator_pid" 2>/dev/null || die "the aggregator stopped; its last words:
$(tail -n 5 var/aggregator.log)"
    [[ $SECONDS -lt $deadline ]] || die "the aggregator is not ready after two minutes; see var/aggregator.log"
    sleep 0.2
  done
}

mkdir -p var
refuse_busy "$LISTEN"
refuse_busy "$GRPC_LISTEN"

echo "Building bin/rollcall-aggregator, bin/rollcall-agent and bin/rollcall …"
tools/build.sh bin

pg=$(database)
if [[ $pg != var/pg ]]; then
  echo "The database goes to $pg: the user that PostgreSQL runs as may not enter $PWD."
  mkdir -p "$pg"
  chmod 755 /var/lib/rollcall-run "$(dirname "$pg")"
fi
name=local
if [[ -z $(ls -A "$pg" 2>/dev/null) ]]; then
  rm -rf "$ENV_FILE" var/agent var/enrolled # they belong to a database that is gone
else
  name=local-$(date -u +%Y%m%dT%H%M%SZ) # names of tokens and enrolments are unique
fi

echo "Starting the aggregator on $URL (log: var/aggregator.log) …"
$aggregator serve --listen "$LISTEN" --grpc-listen "$GRPC_LISTEN" --grpc-advertise "$GRPC_LISTEN" \
  --embedded-postgres "$pg" >>var/aggregator.log 2>&1 &
aggregator_pid=$!
wait_ready

if [[ ! -s $ENV_FILE ]]; then
  token=$($aggregator token create --name "$name" --role admin --embedded-postgres "$pg" | tail -n 1)
  echo "API token (shown once, kept in $ENV_FILE): $token"
  (umask 077 && printf 'ROLLCALL_URL=%s\nROLLCALL_TOKEN=%s\n' "$URL" "$token" >"$ENV_FILE")
else
  sed -i.old "s|^ROLLCALL_URL=.*|ROLLCALL_URL=$URL|" "$ENV_FILE" && rm -f "$ENV_FILE.old"
fi

enrolled=false
if [[ ! -e var/enrolled ]]; then
  rm -rf var/agent
  secret=$($aggregator enrollment create --name "$name" --embedded-postgres "$pg" | tail -n 1)
  ROLLCALL_AGENT_SECRET=$secret $agent enroll --server "$URL" --state-dir var/agent >/dev/null
  touch var/enrolled
  enrolled=true
fi

echo "Collecting …"
$agent run --once --state-dir var/agent >var/first.json
$agent run --once --state-dir var/agent >var/second.json
set -a
# shellcheck source=/dev/null
source "$ENV_FILE"
set +a
GOWORK=off go -C tools run ./summary -first ../var/first.json -second ../var/second.json -new="$enrolled"

if [[ -n ${ONCE:-} ]]; then
  exit 0
fi
echo "The agent goes on checking in (log: var/agent.log). Ctrl-C stops everything."
$agent run --state-dir var/agent >>var/agent.log 2>&1 &
agent_pid=$!
wait -n "$aggregator_pid" "$agent_pid" || true
die "aggregator or agent stopped by itself; see var/aggregator.log and var/agent.log"
