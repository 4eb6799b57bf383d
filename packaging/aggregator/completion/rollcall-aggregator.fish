function __complete_rollcall_aggregator
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "
    command rollcall-aggregator
end
complete -f -c rollcall-aggregator -a "(__complete_rollcall_aggregator)"
