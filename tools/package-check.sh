#!/usr/bin/env bash
# What make e2e asks of the packages: two builds give the same bytes; lintian, rpm, skopeo, msiinfo and systemd-analyze
# find nothing; in a throw-away Debian 12 the aggregator's deb serves as its account, the client's asks it, the agent's
# enrols with it and runs with the capabilities of its unit, and none of them leaves anything when it is purged; the MSI
# does so under wine. Needs root and what tools/e2e-deps.sh installs.
#
#   DIST=folder     check these packages instead of building them (once, and a second time to compare)
#   MIRROR=URL      Debian's archive for debootstrap; the system it makes is kept in .cache
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

PORT=${PORT:-18580}
URL=http://127.0.0.1:$PORT
base=.cache/debian-12-postgresql.tar
work=$(mktemp -d /tmp/rollcall-package.XXXXXX)
root=$work/root
units=(packaging/agent/systemd/rollcall-agent.service packaging/aggregator/systemd/rollcall-aggregator.service)
pids=()

# shellcheck disable=SC2317 # called by the trap
stop() {
  trap - EXIT
  local pid
  for pid in "${pids[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  umount "$root/proc" "$root/sys" 2>/dev/null || true
  [[ ! -e $work/wine ]] || WINEPREFIX=$work/wine tools/wine.sh --end >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap stop EXIT

die() {
  echo "package check: $*" >&2
  exit 1
}

say() { echo "== $*"; }

# until_true waits up to a minute for a command.
until_true() {
  local deadline=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $deadline ]] || die "waited a minute in vain for: $*"
    sleep 0.2
  done
}

# lines prints the files of the throw-away system and the accounts in it, without what every use of dpkg changes.
lines() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./tmp -o -path ./var/log -o -path ./var/lib/dpkg/triggers \
    -o -path ./var/cache/ldconfig -o -path './var/lib/rollcall/*' \) -prune -o -printf '%p %y %m %u %g %l\n' | grep -v '^./var/lib/dpkg/[a-z]*-old ' | sort)
  (cd "$root" && sort etc/passwd etc/group etc/shadow etc/gshadow)
}

[[ $(id -u) -eq 0 ]] || die "root is needed, for chroot"
for tool in lintian rpm skopeo msiinfo msiextract bsdtar debootstrap setpriv systemd-analyze curl; do
  command -v "$tool" >/dev/null || die "$tool is missing; tools/e2e-deps.sh installs it"
done

dist=${DIST:-}
if [[ -z $dist ]]; then
  dist=$work/dist
  say "building twice"
  tools/package.sh "$dist" >/dev/null
  tools/package.sh "$work/again" >/dev/null
  cmp "$dist/SHA256SUMS" "$work/again/SHA256SUMS" || die "two builds differ: $(diff "$dist/SHA256SUMS" "$work/again/SHA256SUMS")"
  rm -rf "$work/again"
fi
(cd "$dist" && sha256sum --quiet -c SHA256SUMS)

say "lintian"
lintian --allow-root --fail-on error,warning "$dist"/*.deb

say "rpm"
for package in "$dist"/*.rpm; do
  rpm -K --nosignature "$package" >/dev/null
  case $package in
  */rollcall-agent-*) config=/etc/rollcall-agent/agent.yaml ;;
  */rollcall-aggregator-*) config=/etc/rollcall/aggregator.yaml ;;
  *) continue ;; # the client is a program and its pages
  esac
  [[ $(rpm -qp --scripts "$package" 2>/dev/null | grep -c 'scriptlet (using /bin/sh)') -eq 3 ]] || die "scripts of $package"
  rpm -qp --scripts "$package" 2>/dev/null | sed 's/^[a-z]* scriptlet (using .*/:/' | sh -n
  rpm -qpc "$package" | grep -x "$config" >/dev/null || die "configuration of $package"
done

say "apk, Arch"
for package in "$dist"/*.apk "$dist"/*.pkg.tar.zst; do
  bsdtar -tf "$package" | grep -x usr/bin/rollcall-agent >/dev/null || die "program of $package"
done
bsdtar -xOf "$(ls "$dist"/*x86_64.pkg.tar.zst)" .INSTALL | bash -n

say "image"
image=$(ls "$dist"/rollcall-aggregator-*-linux-amd64.oci.tar)
skopeo inspect "oci-archive:$image" | grep -E '"(Os|Architecture)"'
mkdir "$work/image" "$work/unpacked" && tar -C "$work/image" -xf "$image"
for blob in "$work"/image/blobs/sha256/*; do
  [[ $(head -c 2 "$blob" | od -An -tx1) != ' 1f 8b' ]] || tar -C "$work/unpacked" -xzf "$blob"
done
chmod 755 "$work" "$work/unpacked"
chroot --userspec=65532:65532 "$work/unpacked" /usr/bin/rollcall-aggregator version

say "msi"
msi=$(ls "$dist"/*-windows-amd64.msi)
msiinfo suminfo "$msi" | grep '^Template: x64;1033' >/dev/null || die "summary of the MSI"
msiinfo export "$msi" Property | grep '^SecureCustomProperties.*SERVER;SECRET;CA_FILE' >/dev/null || die "properties of the MSI"
msiinfo export "$msi" Property | grep '^MsiHiddenProperties.*SECRET' >/dev/null || die "the MSI would log the secret"
msiinfo export "$msi" Upgrade | grep -P '\t513\t\tWIX_UPGRADE_DETECTED' >/dev/null || die "the MSI installs itself beside another build of its version"
msiextract -C "$work/msi" "$msi" >/dev/null
cmp "$work/msi/Rollcall Agent/rollcall-agent.exe" <(bsdtar -xOf "$(ls "$dist"/*-windows-amd64.zip)" '*/rollcall-agent.exe')

say "macOS"
for package in "$dist"/*-darwin-*.pkg; do
  rm -rf "$work/pkg" && mkdir "$work/pkg"
  bsdtar -C "$work/pkg" -xf "$package"
  bsdtar -tf "$work/pkg/agent.pkg/Payload" | grep -x ./usr/local/bin/rollcall-agent >/dev/null || die "payload of $package"
  bsdtar -xOf "$work/pkg/agent.pkg/Scripts" ./postinstall | sh -n
  [[ $(head -c 8 "$work/pkg/agent.pkg/Bom") == BOMStore ]] || die "bill of materials of $package"
done

say "a Debian 12 to throw away"
if [[ ! -e $base ]]; then
  mkdir -p .cache
  debootstrap --variant=minbase --include=systemd,postgresql bookworm "$work/base" ${MIRROR:+"$MIRROR"} >"$work/debootstrap.log" || die "$(tail "$work/debootstrap.log")"
  tar -C "$work/base" -cf "$base.new" . && mv "$base.new" "$base"
  rm -rf "$work/base"
fi
mkdir "$root" && tar -C "$root" -xf "$base"
chmod 755 "$work"
mount -t proc proc "$root/proc"
mount -o bind,ro /sys "$root/sys"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
lines >"$work/empty"

say "the aggregator and the client"
for name in rollcall-aggregator rollcall; do
  cp "$(ls "$dist/$name"_*_amd64.deb)" "$root/tmp/$name.deb"
  chroot "$root" dpkg -i "/tmp/$name.deb" >"$work/dpkg.log" 2>&1 || die "$(cat "$work/dpkg.log")"
done
[[ $(chroot "$root" stat -c '%a %U %G' /etc/rollcall/aggregator.yaml) == "640 root rollcall" ]] || die "the configuration's mode"
[[ $(chroot "$root" stat -c '%a %U %G' /var/lib/rollcall) == "700 rollcall rollcall" ]] || die "the state folder's mode"
[[ -L $root/etc/systemd/system/multi-user.target.wants/rollcall-aggregator.service ]] || die "the unit is not enabled"
# aggregator runs a verb as the unit would.
aggregator() {
  exec chroot "$root" setpriv --reuid rollcall --regid rollcall --clear-groups --no-new-privs --bounding-set -all \
    env ROLLCALL_AGGREGATOR_LISTEN="127.0.0.1:$PORT" ROLLCALL_AGGREGATOR_GRPC_LISTEN="127.0.0.1:$((PORT + 1))" \
    rollcall-aggregator --config /etc/rollcall/aggregator.yaml "$@"
}
aggregator serve >"$work/aggregator.log" 2>&1 &
server=$!
pids+=("$server")
until_true chroot "$root" rollcall-aggregator healthcheck --url "$URL"
token=$(aggregator token create --name check --role admin | tail -n 1)
client() { chroot "$root" env ROLLCALL_URL="$URL" ROLLCALL_TOKEN="$token" rollcall "$@"; }
api() { curl -fsS -H "Authorization: Bearer $token" "$URL/api/v1/$1"; }
lines >"$work/before"

say "the agent"
cp "$(ls "$dist"/rollcall-agent_*_amd64.deb)" "$root/tmp/agent.deb"
chroot "$root" dpkg -i /tmp/agent.deb >"$work/dpkg.log" 2>&1 || die "$(cat "$work/dpkg.log")"
chroot "$root" id rollcall-agent
[[ $(stat -c '%a %U %G' "$root/etc/rollcall-agent/agent.yaml") == "644 root root" ]] || die "the configuration's mode"
[[ $(chroot "$root" stat -c '%a %U %G' /var/lib/rollcall-agent) == "700 rollcall-agent rollcall-agent" ]] || die "the state folder's mode"
[[ -L $root/etc/systemd/system/multi-user.target.wants/rollcall-agent.service ]] || die "the unit is not enabled"

say "the units"
for unit in "${units[@]}"; do
  systemd-analyze verify --man=no --root="$root" "$root/usr/lib/systemd/system/${unit##*/}"
  systemd-analyze security --offline=true --no-pager --threshold=25 "$unit" | tail -n 1
done

say "the agent as its unit runs it"
(umask 077 && aggregator enrollment create --name check | tail -n 1 >"$root/root/secret")
chroot "$root" rollcall-agent enroll --server "$URL" --secret-file /root/secret --config /etc/rollcall-agent/agent.yaml
rm "$root/root/secret"
[[ -z $(chroot "$root" find /var/lib/rollcall-agent ! -user rollcall-agent) ]] || die "the administrator owns files of the agent"
capabilities=$(sed -n 's/^AmbientCapabilities=//p' "${units[0]}" | tr '[:upper:]' '[:lower:]' | sed 's/cap_/+/g; s/ /,/g')
chroot "$root" setpriv --reuid rollcall-agent --regid rollcall-agent --clear-groups --no-new-privs \
  --bounding-set "-all,$capabilities" --inh-caps "-all,$capabilities" --ambient-caps "-all,$capabilities" \
  rollcall-agent run --config /etc/rollcall-agent/agent.yaml >"$work/agent.log" 2>&1 &
agent=$!
pids+=("$agent")
until_true grep -q 'snapshot committed' "$work/agent.log"
grep '^Uid\|^CapEff\|^NoNewPrivs' "/proc/$agent/status"
serial=$(chroot "$root" rollcall-agent status --json | sed -n 's/^ *"serial_number": "\(.*\)",$/\1/p' | sort -u)
api "machines/$serial" >/dev/null
want=$(chroot "$root" dpkg-query -W | wc -l)
got=$(api exports/deb_packages.csv | tail -n +2 | wc -l)
client machines list
[[ $got -eq $want ]] || die "the aggregator has $got packages, dpkg $want"
# An idle agent: what it kept after its first cycle.
sleep 3
size() { awk -v name="$1:" '$1 == name { print $2, $3 }' "/proc/$agent/status"; }
echo "idle agent: $(size VmRSS) resident ($(size RssAnon) of its own, $(size RssFile) of the program), peak $(size VmHWM); program $(stat -c %s "$root/usr/bin/rollcall-agent") bytes; $want packages reported"
kill -TERM "$agent"
wait "$agent" || die "the agent ended with $?: $(tail -n 3 "$work/agent.log")"

say "purge of the agent"
chroot "$root" dpkg --purge rollcall-agent >"$work/dpkg.log" 2>&1 || die "$(cat "$work/dpkg.log")"
! grep -i 'was not told' "$work/dpkg.log" || die "the aggregator was not told"
api "machines/$serial" | grep -E '"archived_at": ?"' >/dev/null || die "the machine is not archived: $(api "machines/$serial")"
lines >"$work/after"
diff "$work/before" "$work/after" || die "the purged package left something"

say "the MSI under wine"
export WINEPREFIX=$work/wine
tools/wine.sh --prepare
drive=$WINEPREFIX/drive_c
(tools/wine.sh ping -n 200 127.0.0.1 >/dev/null 2>&1 || true) & # wine ends services with the last program
secret=$(aggregator enrollment create --name windows | tail -n 1)
cp "$msi" "$work/agent.msi"
tools/wine.sh msiexec /i "$(tools/wine.sh --path "$work/agent.msi")" /qn "SERVER=$URL" "SECRET=$secret"
if grep -rqF "$secret" "$WINEPREFIX"; then
  die "the secret is on disk or in the registry: $(grep -rlF "$secret" "$WINEPREFIX")"
fi
# reports says whether the service has reported.
reports() { api machines | grep -F '"platform":"WINDOWS"' >/dev/null; }
until_true reports
tools/wine.sh msiexec /x "$(tools/wine.sh --path "$work/agent.msi")" /qn
for left in "$drive/Program Files/Rollcall Agent" "$drive/ProgramData/Rollcall Agent"; do
  [[ ! -e $left ]] || die "the removed MSI left $left: $(ls "$left")"
done
! reports || die "the machine of the removed MSI is not archived"
tools/wine.sh --end

say "purge of the aggregator and the client"
kill -TERM "$server"
wait "$server" || die "the aggregator ended with $?: $(tail -n 3 "$work/aggregator.log")"
chroot "$root" dpkg --purge rollcall rollcall-aggregator >"$work/dpkg.log" 2>&1 || die "$(cat "$work/dpkg.log")"
rm "$root"/tmp/*.deb
lines >"$work/after"
diff "$work/empty" "$work/after" || die "the purged packages left something"
say "nothing left; all well"
