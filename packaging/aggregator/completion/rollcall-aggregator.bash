complete -C rollcall-aggregator rollcall-aggregator
