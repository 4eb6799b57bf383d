module github.com/rollcall-inventory/rollcall/agent

go 1.26.0

replace github.com/rollcall-inventory/rollcall/proto => ../proto

require (
	connectrpc.com/connect v1.21.1
	github.com/Microsoft/go-winio v0.6.2
	github.com/alecthomas/kong v1.17.0
	github.com/apache/thrift v0.23.0
	github.com/klauspost/cpuid/v2 v2.4.2
	github.com/osquery/osquery-go v0.0.0-20260630173615-eb39ad3443df
	github.com/package-url/packageurl-go v0.1.7
	github.com/rollcall-inventory/rollcall/proto v0.0.0
	github.com/shirou/gopsutil/v3 v3.24.5
	github.com/yusufpapurcu/wmi v1.2.4
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
	gopkg.in/yaml.v3 v3.0.1
)

require (
	github.com/go-ole/go-ole v1.2.6 // indirect
	github.com/lufia/plan9stats v0.0.0-20211012122336-39d0f177ccd0 // indirect
	github.com/power-devops/perfstat v0.0.0-20210106213030-5aafc221ea8c // indirect
	github.com/shoenig/go-m1cpu v0.1.6 // indirect
	github.com/tklauser/go-sysconf v0.3.12 // indirect
	github.com/tklauser/numcpus v0.6.1 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
)
