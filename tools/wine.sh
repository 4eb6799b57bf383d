#!/usr/bin/env bash
# Runs a program of Windows, so that what is built for Windows is also run before it is shipped.
#
#   tools/wine.sh bin/rollcall-agent.exe collect --pretty    a program and its arguments
#   tools/wine.sh msiexec /i dist/x.msi /qn                   one that Windows brings along
#   tools/wine.sh --prepare                                   makes the prefix and does nothing in it
#   tools/wine.sh --path /some/file                           how a path is called inside
#   tools/wine.sh --end                                       ends what still runs in the prefix
#
# The prefix, Windows' drive C:, is $WINEPREFIX (default .cache/wine): a folder that the first use makes, in about ten
# seconds. Tests that write to C: or to the registry use one of their own, call --end at last and remove it. C:\ is
# $WINEPREFIX/drive_c, and / is Z:\. The exit code is the program's. Who runs this from a test gives it files for its output:
# the services of Windows keep a pipe open long after the program is gone. Debian: tools/e2e-deps.sh installs what it needs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export WINEPREFIX=${WINEPREFIX:-$(dirname "$here")/.cache/wine}
export WINEARCH=win64 WINEDEBUG=${WINEDEBUG:--all} WINEDLLOVERRIDES="${WINEDLLOVERRIDES:-mscoree,mshtml=}"
unset DISPLAY # nothing of ours opens a window

# prepare makes the prefix once; two at a time wait for each other.
prepare() {
  local system32=$WINEPREFIX/drive_c/windows/system32
  if [[ -e $WINEPREFIX/.prepared ]]; then
    return
  fi
  for tool in wine wineserver x86_64-w64-mingw32-gcc; do
    if ! command -v "$tool" >/dev/null 2>&1; then
      echo "wine.sh: no $tool on this machine (tools/e2e-deps.sh installs it on Debian and Ubuntu)" >&2
      exit 3
    fi
  done
  mkdir -p "$WINEPREFIX"
  exec 9>"$WINEPREFIX/.lock"
  flock 9
  if [[ ! -e $WINEPREFIX/.prepared ]]; then
    wine wineboot --init >/dev/null 2>&1 9>&-
    wineserver -w 9>&-
    # The Go runtime asks this library for random numbers; wine before 9 has none.
    if [[ ! -e $system32/bcryptprimitives.dll ]]; then
      x86_64-w64-mingw32-gcc -shared -O2 -s -o "$system32/bcryptprimitives.dll" -x c - -ladvapi32 <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return SystemFunction036(data, (ULONG)length); }
C
    fi
    touch "$WINEPREFIX/.prepared"
  fi
  exec 9>&-
}

case ${1:-} in
"" | -h | --help)
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
  ;;
--prepare)
  prepare
  ;;
--path)
  prepare
  exec wine winepath -w "$2"
  ;;
--end)
  wineserver -k || true # none may be left
  ;;
*)
  prepare
  exec wine "$@"
  ;;
esac
