#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the captured parts of the trees that the tests of collectors run on again: tools/capture.sh TREE.
# debian-12 needs root and debootstrap; the other trees need python3 and the Go modules that published their files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

trees=agent/internal/collect/testdata/linux
work=$(mktemp -d)
trap 'umount "$work/root/sys" 2>/dev/null || true; rm -rf "$work"' EXIT

# module prints the folder of a Go module at a version.
module() { (cd "$work" && go mod download -json "$1") | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'; }

# pack makes the archive of a tree out of $work/tree, with one time for all files, so that the same files are the same bytes.
pack() {
  tar -C "$work/tree" --sort=name --mtime="$2" --owner=0 --group=0 --numeric-owner -cf - . | gzip -9n >"$trees/$1/captured.tar.gz"
}

debian() {
  CGO_ENABLED=0 go test -c -o "$work/collect.test" ./agent/internal/collect
  debootstrap --variant=minbase --include=openssh-server,cron,ca-certificates,systemd-sysv,dbus,python3-pip,ruby-rack,unattended-upgrades,iproute2,isc-dhcp-client,ifupdown,login,locales \
    bookworm "$work/root"
  # What debootstrap takes over from the machine that it runs on.
  echo debian-12 >"$work/root/etc/hostname"
  printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian-12.example.com debian-12\n' >"$work/root/etc/hosts"
  printf 'search example.com\nnameserver 192.0.2.53\n' >"$work/root/etc/resolv.conf"
  echo 'deb https://mirror.example.org/debian bookworm main' >"$work/root/etc/apt/sources.list"
  mount --bind /sys "$work/root/sys"
  mount -o remount,bind,ro "$work/root/sys"
  cp agent/internal/collect/testdata/debian-12/proc/{cpuinfo,meminfo} "$work/root/proc/"
  cp "$work/collect.test" "$work/root/"
  chroot "$work/root" /collect.test -test.run '^TestCapture$' -capture /captured.tar.gz -capture-without etc/shadow,etc/gshadow
  cp "$work/root/captured.tar.gz" "$trees/debian-12/"
}

# rpm copies a database of go-rpmdb's tests, made smaller by rpmdb.py unless it is small: TREE NAME FOLDER TIME.
rpm() {
  mkdir -p "$work/tree/$3"
  local from
  from=$(module github.com/knqyf263/go-rpmdb@v0.1.1)/pkg/testdata/$2
  if [[ $2 == */Packages.db ]]; then
    cp "$from" "$work/tree/$3/"
  else
    python3 tools/capture/rpmdb.py "$from" "$work/tree/$3/$(basename "$2")"
  fi
  pack "$1" "$4"
}

alpine() {
  mkdir -p "$work/tree/lib/apk/db"
  cp "$(module github.com/google/osv-scalibr@v0.1.5)/extractor/filesystem/os/apk/testdata/installed" "$work/tree/lib/apk/db/"
  pack alpine-3.18 '2023-05-12 10:00:00Z'
}

arch() {
  local from local=$work/tree/var/lib/pacman/local
  mkdir -p "$local"
  from=$(module github.com/anchore/syft@v1.20.0)
  cp -r "$from"/syft/pkg/cataloger/arch/test-fixtures/installed/var/lib/pacman/local/{emacs,gmp,tree-sitter}-* "$local/"
  cp -r "$from"/cmd/syft/internal/test/integration/test-fixtures/image-pkg-coverage/pkgs/var/lib/pacman/local/* "$local/"
  rm "$local"/*/mtree
  mkdir -p "$work/tree/etc"
  cp "$from/syft/linux/test-fixtures/os/arch/etc/os-release" "$work/tree/etc/"
  pack arch '2024-05-06 20:12:43Z'
}

case ${1:-} in
  debian-12) debian ;;
  fedora-35) rpm "$1" fedora35/rpmdb.sqlite var/lib/rpm '2021-11-24 09:00:00Z' ;;
  sles-15.3) rpm "$1" sle15-bci/Packages.db usr/lib/sysimage/rpm '2021-11-24 09:00:00Z' ;;
  centos-7) rpm "$1" centos7-plain/Packages var/lib/rpm '2019-10-01 01:00:00Z' ;;
  alpine-3.18) alpine ;;
  arch) arch ;;
  *) echo "usage: tools/capture.sh debian-12|fedora-35|sles-15.3|centos-7|alpine-3.18|arch" >&2; exit 2 ;;
esac
