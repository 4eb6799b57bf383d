#!/usr/bin/env bash
# Installs what make e2e needs beyond make test, on Debian and Ubuntu: strace watches what the agent starts and opens,
# curl calls the Connect door, wine runs what is built for Windows (tools/wine.sh), and
# Java a program that the agent has to find, Ruby a tool that its gems are compared with.
set -euo pipefail

# program=package; blanks part several packages
needed=(
  strace=strace
  curl=curl
  dpkg-deb=dpkg
  wine="wine wine64"
  javac=default-jdk-headless
  x86_64-w64-mingw32-gcc=gcc-mingw-w64-x86-64-win32
  lintian=lintian
  rpm=rpm
  wixl=wixl
  msiinfo=msitools
  bsdtar=libarchive-tools
  debootstrap=debootstrap
  gem=ruby
)
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
  echo "make e2e needs these programs; install them with your system's package manager: ${missing[*]}" >&2
  exit 1
fi
root=()
if [[ $(id -u) -ne 0 ]]; then
  root=(sudo)
fi
echo "installing ${missing[*]} …"
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
