module github.com/rollcall-inventory/rollcall/migrations

go 1.26.0
