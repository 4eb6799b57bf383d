#!/bin/sh
# Installs the Rollcall agent on a Linux machine and enrols it. Run it as root. It holds an enrolment secret: whoever
# reads it can enrol machines. A machine that is enrolled already stays as it is.
#
# ROLLCALL_CA_FILE names the PEM file of a certificate authority that the machine does not know, HTTPS_PROXY a proxy.
set -eu
umask 077

{{template "common.sh" . -}}

has() { command -v "$1" >/dev/null; }

# The package manager says what kind of package it takes. Some machines have the tools of another kind as well.
if has apk; then
  format=apk
elif has pacman; then
  format=arch
elif has dpkg && ! has dnf && ! has yum && ! has zypper; then
  format=deb
elif has rpm; then
  format=rpm
else
  die "this machine has neither dpkg nor rpm, apk or pacman"
fi

found=$(package_of "$format/$arch") || die "the aggregator has no package of the agent for $format on $arch"
file=${found% *}
fetch "$file"
verify "$file" "${found#* }"
case "$format" in
  deb) DEBIAN_FRONTEND=noninteractive dpkg -i "$work/$file" ;;
  rpm) rpm -U --replacepkgs "$work/$file" ;;
  apk) apk add --allow-untrusted "$work/$file" ;;
  arch) pacman -U --noconfirm "$work/$file" ;;
esac

set -- --server "$server" --secret-file "$work/secret"
if [ -n "$ca_file" ]; then set -- "$@" --ca-file "$ca_file"; fi
rollcall-agent enroll "$@"
if has systemctl && [ -d /run/systemd/system ]; then
  systemctl restart rollcall-agent
elif has rc-service; then
  rc-service rollcall-agent restart
fi
