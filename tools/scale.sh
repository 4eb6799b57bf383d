#!/usr/bin/env bash
# make scale: the runs that docs/scale.md quotes. An aggregator with a database of its own, a synthetic fleet, one load
# after the other; reports and logs go to var/scale/.
#
#   MACHINES=100000             machines of the fleet
#   STEPS="enroll steady day export index reconnect patch connections verify"
#                               in any order; all but enroll go on with the fleet that is there. checks makes the
#                               compliance checks of CHECKS
#   CHECKS=50                   how many checks the step checks makes
#   WATCHED=1                   every event goes to a webhook, and the metrics of the fleet are served
#   RATE=334                    check-ins per second of the steady load: one in 5 minutes for each machine by default
#   STEADY=15m OVER=10m         how long the steady load and the storms last
#   PORT=18480                  main listener; the native one has the next port
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

MACHINES=${MACHINES:-10000}
STEPS=${STEPS:-enroll steady day export index reconnect patch connections verify}
STEADY=${STEADY:-15m}
OVER=${OVER:-10m}
CHECKS=${CHECKS:-50}
WATCHED=${WATCHED:-}
RATE=${RATE:-$(((MACHINES + 299) / 300))}
PORT=${PORT:-18480}
DIR=$PWD/var/scale
URL=http://127.0.0.1:$PORT
aggregator=bin/rollcall-aggregator
aggregator_pid=
export_pid=
receiver_pid=

die() {
  echo "make scale: $*" >&2
  exit 1
}

# shellcheck disable=SC2317 # called by the traps
stop() {
  trap - EXIT INT TERM
  local pid
  for pid in $export_pid $aggregator_pid $receiver_pid; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 1' INT TERM

start() {
  local watched=()
  if [[ -n $WATCHED ]]; then
    watched=(--metrics --metrics-max-series 100000
      --metrics-options '{deb_packages: {sources: [rollcall], names: [openssl, bash, linux-image-amd64]}, osx_apps: {sources: [rollcall], bundle_ids: [org.mozilla.firefox]},
        programs: {sources: [rollcall], names: [Firefox]}, os_versions: {sources: [rollcall]}}'
      --sinks "[{name: scale, kind: webhook, url: 'http://127.0.0.1:$((PORT + 2))/', secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}]")
    if [[ -z $receiver_pid ]]; then
      bin/rollcall-fleetsim receive --listen "127.0.0.1:$((PORT + 2))" >"$DIR/receiver.txt" &
      receiver_pid=$!
    fi
  fi
  $aggregator serve --listen "127.0.0.1:$PORT" --grpc-listen "127.0.0.1:$((PORT + 1))" --embedded-postgres "$DIR/pg" \
    --log-level warn "${watched[@]}" >>"$DIR/aggregator.log" 2>&1 &
  aggregator_pid=$!
  local deadline=$((SECONDS + 120))
  until $aggregator healthcheck --url "$URL" >/dev/null 2>&1; do
    kill -0 "$aggregator_pid" 2>/dev/null || die "the aggregator stopped; see $DIR/aggregator.log"
    [[ $SECONDS -lt $deadline ]] || die "the aggregator is not ready after two minutes; see $DIR/aggregator.log"
    sleep 0.2
  done
}

halt() {
  kill -TERM "$aggregator_pid"
  wait "$aggregator_pid" 2>/dev/null || true
  aggregator_pid=
}

# fleetsim runs one verb and keeps its report and output under a name.
fleetsim() {
  local name=$1
  shift
  echo "== $name"
  bin/rollcall-fleetsim --server "$URL" --grpc "127.0.0.1:$((PORT + 1))" --machines "$MACHINES" --addresses 100 \
    --state "$DIR/fleet.state" --token "$(cat "$DIR/token")" --report "$DIR/$name.json" "$@" 2>"$DIR/$name.log" |
    tee "$DIR/$name.txt"
}

sql() { psql -h "$DIR/pg/run" -U postgres -d postgres -XAtc "$1"; }

# sizes prints the room that heads, sections and history take for each machine; the dictionary and the journal apart.
sizes() {
  sql "WITH part AS (
         SELECT CASE WHEN c.relname LIKE 'head%' THEN 'heads and sections'
                     WHEN c.relname LIKE 'change%' THEN 'changes'
                     WHEN c.relname IN ('machine', 'credential', 'vitals', 'agent_health') THEN 'registry, credentials, vitals'
                     WHEN c.relname = 'asset' THEN 'dictionary'
                     WHEN c.relname = 'journal' THEN 'journal' ELSE 'other' END AS name, pg_total_relation_size(c.oid) AS bytes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND c.relkind = 'r')
       SELECT format('%-30s %10s KB %8s KB per machine', name, round(sum(bytes) / 1024), round(sum(bytes) / 1024.0 / $MACHINES, 2))
       FROM part GROUP BY name ORDER BY name" | sed "s/^/  $1: /" | tee -a "$DIR/sizes.txt"
}

# median prints the median time of 21 requests in milliseconds.
median() {
  local _
  for _ in $(seq 21); do
    curl -fsS -o /dev/null -w '%{time_total}\n' -H "Authorization: Bearer $(cat "$DIR/token")" "$URL$2" || return
  done | sort -n | awk -v name="$1" 'NR == 11 { printf "  %-44s %8.1f ms\n", name, $1 * 1000 }' | tee -a "$DIR/index.txt"
}

step_enroll() {
  rm -f "$DIR/sizes.txt"
  (umask 077 && $aggregator enrollment create --name fleet --embedded-postgres "$DIR/pg" 2>/dev/null >"$DIR/secret")
  fleetsim enroll enroll --secret "$(cat "$DIR/secret")"
  sizes "after enrolment"
  sql 'VACUUM' && sizes "after enrolment and VACUUM"
}

# step_checks makes checks that read different parts of a machine, and waits until the fleet is judged by all.
step_checks() {
  local i began expression
  began=$(date +%s%N)
  for i in $(seq "$CHECKS"); do
    case $((i % 5)) in
      0) expression="length(deb_packages[?name=='openssl']) > \`0\` && \`$i\` > \`0\`" ;;
      1) expression="os_version.major >= \`$i\`" ;;
      2) expression="system_info.physical_memory > \`${i}000000000\`" ;;
      3) expression="length(disks[?size > \`${i}00000000\`]) > \`0\`" ;;
      *) expression="length(deb_packages) < \`${i}00\`" ;;
    esac
    printf '{"name": "Check %s", "source_name": "rollcall", "platforms": [], "tags": [], "jmespath_expression": "%s"}' "$i" "$expression" |
      curl -fsS -o /dev/null -H "Authorization: Bearer $(cat "$DIR/token")" -H 'Content-Type: application/json' --data @- "$URL/api/v1/checks"
  done
  until [[ $(sql 'SELECT count(*) FROM jmespath_check WHERE evaluated_version < version') == 0 ]]; do
    sleep 0.5
  done
  awk -v machines="$MACHINES" -v checks="$CHECKS" -v ns="$(($(date +%s%N) - began))" \
    'BEGIN { printf "  %d checks over %d machines: %.1f s, %.0f machines and checks a second\n", checks, machines, ns / 1e9, machines * checks * 1e9 / ns }' |
    tee "$DIR/checks.txt"
}

step_steady() { fleetsim steady steady --rate "$RATE" --duration "$STEADY" --changed 0.01; }

step_day() {
  sizes "before the day"
  fleetsim day day --days 1
  sizes "after the day"
  sql 'VACUUM' && sizes "after the day and VACUUM"
}

# step_export lets a slow reader export the fleet's packages while the changes of another day arrive.
step_export() {
  curl -fsS --limit-rate 20M --max-time 600 -o /dev/null -H "Authorization: Bearer $(cat "$DIR/token")" \
    "$URL/api/v1/exports/deb_packages.csv" &
  export_pid=$!
  fleetsim day-with-export day --days 1
  kill -0 "$export_pid" 2>/dev/null && echo "  the export was still running at the end"
  sizes "after the day with an export"
  kill "$export_pid" 2>/dev/null || true
  wait "$export_pid" 2>/dev/null || true
  export_pid=
}

step_index() {
  rm -f "$DIR/index.txt"
  median "machines with a package" "/api/v1/software?kind=deb_packages&q=openssl&limit=100"
  median "machines with a package older than a version" "/api/v1/software/machines?kind=deb_packages&name=openssl&version_lt=99&limit=100"
  median "search for a machine" "/api/v1/machines?q=web-1&limit=100"
  median "software of all kinds, one page" "/api/v1/software?limit=100"
  median "scrape of /metrics" "/metrics"
  if [[ -n $WATCHED ]]; then
    median "scrape of /metrics/inventory/" "/metrics/inventory/"
    median "scrape of /metrics/compliance_checks/" "/metrics/compliance_checks/"
    curl -fsS -H "Authorization: Bearer $(cat "$DIR/token")" "$URL/metrics" | grep '^rollcall_sink_' | tee -a "$DIR/index.txt"
  fi
  curl -fsS -H "Authorization: Bearer $(cat "$DIR/token")" "$URL/metrics" | grep '^rollcall_index_' | tee -a "$DIR/index.txt"
}

# step_reconnect takes the aggregator away and lets everybody come back at once.
step_reconnect() {
  halt
  start
  fleetsim reconnect reconnect --over "$OVER" --changed 0.05
}

step_patch() { fleetsim patch patch --over "$OVER"; }
step_connections() { fleetsim connections connections --count 5000; }
step_verify() { fleetsim verify verify; }

if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
  die "something listens on 127.0.0.1:$PORT already (another make scale?). Stop it, or choose another: PORT=28480"
fi
tools/build.sh bin
CGO_ENABLED=0 go build -trimpath -o bin/rollcall-fleetsim ./aggregator/cmd/rollcall-fleetsim
mkdir -p "$DIR"
if [[ " $STEPS " == *" enroll "* ]]; then
  rm -rf "$DIR"
  mkdir -p "$DIR"
fi
ulimit -n "$(ulimit -Hn)"
start
[[ -s $DIR/token ]] || (umask 077 && $aggregator token create --name scale --role admin --embedded-postgres "$DIR/pg" 2>/dev/null >"$DIR/token")
for step in $STEPS; do
  "step_$step"
done
echo "Reports and logs: $DIR"
