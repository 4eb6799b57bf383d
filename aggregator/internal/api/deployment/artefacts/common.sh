server={{sh .Server}}
secret={{sh .Secret}}

die() {
  echo "rollcall: $*" >&2
  exit 1
}

# package_of prints the name and the SHA-256 of the agent's package for FORMAT/ARCHITECTURE.
package_of() {
  case "$1" in
{{- range .Packages}}
    {{.Format}}/{{.Arch}}) echo {{sh .Name}} {{sh .SHA256}} ;;
{{- end}}
    *) return 1 ;;
  esac
}

# fetch downloads a package into the working folder. Command lines can be read by everybody on the machine: the secret
# goes by way of a file.
fetch() {
  url="$server/api/v1/agent_packages/$1"
  if command -v curl >/dev/null; then
    {
      printf 'header = "Authorization: Bearer %s"\n' "$secret"
      if [ -n "$ca_file" ]; then printf 'cacert = "%s"\n' "$ca_file"; fi
    } >"$work/curl"
    curl --fail --silent --show-error --config "$work/curl" --output "$work/$1" "$url"
  elif wget --version 2>/dev/null | grep -q 'GNU Wget'; then
    {
      printf 'header = Authorization: Bearer %s\n' "$secret"
      if [ -n "$ca_file" ]; then printf 'ca_certificate = %s\n' "$ca_file"; fi
    } >"$work/wget"
    wget --config="$work/wget" --quiet --output-document="$work/$1" "$url"
  else
    die "install curl first"
  fi || die "$url: not downloaded"
}

# verify compares a downloaded file with the SHA-256 that the aggregator had when it wrote this script.
verify() {
  if command -v sha256sum >/dev/null; then
    got=$(sha256sum "$work/$1")
  else
    got=$(shasum -a 256 "$work/$1")
  fi
  [ "${got%% *}" = "$2" ] || die "$1 is not the file that it should be: its SHA-256 is ${got%% *}, not $2"
}

[ "$(id -u)" -eq 0 ] || die "run this as root"
case "$(uname -m)" in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) die "there is no agent for $(uname -m)" ;;
esac
ca_file=${ROLLCALL_CA_FILE:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$secret" >"$work/secret"
