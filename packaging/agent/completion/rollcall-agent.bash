# bash completion of rollcall-agent. Made from its command line.
_rollcall_agent() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= word
  COMPREPLY=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
      collect|enroll|run|status|doctor|goodbye|version) verb=$word; break ;;
    esac
  done
  case $prev in
    --state-dir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --root) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur"); return ;;
    --disabled-collectors) :; return ;;
    --format) mapfile -t COMPREPLY < <(compgen -W 'json ndjson table' -- "$cur"); return ;;
    --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur"); return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$cur"); return ;;
    --server) :; return ;;
    --ca-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --transport) mapfile -t COMPREPLY < <(compgen -W 'auto grpc connect' -- "$cur"); return ;;
    --secret) :; return ;;
    --secret-file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --osquery) mapfile -t COMPREPLY < <(compgen -W 'auto on off' -- "$cur"); return ;;
    --osquery-socket) :; return ;;
    --interval) :; return ;;
    --timeout) :; return ;;
    --reason) :; return ;;
  esac
  local words
  case $verb in
    collect) words='--state-dir --root --disabled-collectors --format --show-what-is-sent --help --config --log-format --log-level' ;;
    enroll) words='--state-dir --root --server --ca-file --transport --insecure-plain-http --secret --secret-file --again --help --config --log-format --log-level' ;;
    run) words='--state-dir --root --server --ca-file --transport --insecure-plain-http --disabled-collectors --osquery --osquery-socket --once --interval --help --config --log-format --log-level' ;;
    status) words='--state-dir --json --help --config --log-format --log-level' ;;
    doctor) words='--state-dir --server --ca-file --transport --insecure-plain-http --json --timeout --help --config --log-format --log-level' ;;
    goodbye) words='--state-dir --root --server --ca-file --transport --insecure-plain-http --reason --help --config --log-format --log-level' ;;
    version) words='--help --config --log-format --log-level' ;;
    *) words='collect enroll run status doctor goodbye version --help --config --log-format --log-level' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _rollcall_agent rollcall-agent
