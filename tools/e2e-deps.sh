#!/usr/bin/env bash
# Installs, on Debian and Ubuntu, the tools that tests compare with or drive: `e2e-deps.sh test` those of make test,
# without an argument those of make e2e, too.
#
# make test: strace watches what the agent starts and opens, curl calls the Connect door, ip, openssl, dpkg and RubyGems
# say what the agent has to find, Java runs a program that it has to find, shellcheck and bsdtar judge the scripts and the
# macOS package that the aggregator makes, promtool tests the rules for Prometheus (19 MB to load; the package starts a
# server, which is stopped again: tests start their own). make e2e: wine runs what is built for Windows (tools/wine.sh),
# LibreOffice and Python read what is exported, Prometheus scrapes, the rest makes and judges packages.
set -euo pipefail

# program=package; blanks part several packages
needed=(
  strace=strace
  curl=curl
  ip=iproute2
  openssl=openssl
  dpkg-deb=dpkg
  gem=ruby
  javac=default-jdk-headless
  shellcheck=shellcheck
  bsdtar=libarchive-tools
  promtool=prometheus
)
if [[ ${1:-all} != test ]]; then
  needed+=(
    wine="wine wine64"
    x86_64-w64-mingw32-gcc=gcc-mingw-w64-x86-64-win32
    lintian=lintian
    rpm=rpm
    wixl=wixl
    msiinfo=msitools
    debootstrap=debootstrap
    skopeo=skopeo
    qemu-aarch64=qemu-user
    soffice=libreoffice-calc-nogui
    python3=python3
  )
fi
missing=()
packages=()
for pair in "${needed[@]}"; do
  if ! command -v "${pair%%=*}" >/dev/null 2>&1; then
    missing+=("${pair%%=*}")
    read -ra more <<<"${pair#*=}"
    packages+=("${more[@]}")
  fi
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "the tests need these programs; install them with your system's package manager: ${missing[*]}" >&2
  exit 1
fi
root=()
if [[ $(id -u) -ne 0 ]]; then
  root=(sudo)
fi
echo "installing ${missing[*]} …"
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
if [[ " ${packages[*]} " == *" prometheus "* && -d /run/systemd/system ]]; then
  "${root[@]}" systemctl disable --quiet --now prometheus.service
fi
