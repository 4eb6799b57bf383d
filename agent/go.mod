module github.com/rollcall-inventory/rollcall/agent

go 1.26.0

replace github.com/rollcall-inventory/rollcall/proto => ../proto

require github.com/rollcall-inventory/rollcall/proto v0.0.0

require (
	connectrpc.com/connect v1.21.1 // indirect
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/klauspost/cpuid/v2 v2.4.2 // indirect
	github.com/package-url/packageurl-go v0.1.7 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	github.com/shirou/gopsutil/v3 v3.24.5 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
