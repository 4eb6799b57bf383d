complete -C rollcall rollcall
