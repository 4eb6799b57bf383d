function __complete_rollcall
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct); and set COMP_LINE "$COMP_LINE "
    command rollcall
end
complete -f -c rollcall -a "(__complete_rollcall)"
