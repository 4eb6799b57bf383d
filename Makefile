# Rollcall. `make` alone lists what there is. run and test need Go, git and make; check and generate also need node.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# In the root of a workspace ./... matches nothing, so the modules are named.
MODULES := ./agent/... ./aggregator/... ./migrations/... ./proto/...
BIN := $(CURDIR)/.bin
BUF := tools/node_modules/.bin/buf

# For people with other ideas: make fuzz FUZZTIME=1m, make bench BENCHTIME=10s, make soak N=5000 MINUTES=60.
FUZZTIME ?= 5s
BENCHTIME ?= 1s
N ?= 1000
MINUTES ?= 10
# Passed on to go test: make test ARGS='-run TestX -v'.
ARGS ?=

export LISTEN GRPC_LISTEN ONCE MACHINES STEPS STEADY OVER PORT CHECKS WATCHED RATE

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: deps ## build, start an aggregator with its own database and an agent, show what they found (ONCE=1: and stop)
	@tools/run.sh

.PHONY: build
build: deps-go ## agent, aggregator and client in ./bin
	@tools/build.sh bin

.PHONY: test
test: deps ## all tests but those that need heavy tools; what CI runs
	go test -timeout 14m $(ARGS) $(MODULES)

.PHONY: check
check: deps deps-node fmt vet proto-lint lint drift floors race fuzz ## everything a change must pass before review
	@echo "check: all green"

.PHONY: fmt
fmt: $(BIN)/gofumpt ## gofmt and gofumpt find nothing to change
	@tools/fmt.sh $(BIN)/gofumpt

.PHONY: vet
vet: deps-go ## go vet
	go vet $(MODULES)

.PHONY: lint
lint: $(BIN)/golangci-lint ## golangci-lint, and shellcheck where it is installed
	$(BIN)/golangci-lint run $(MODULES)
	cd tools && GOWORK=off $(BIN)/golangci-lint run ./...
	cd tools/package && GOWORK=off $(BIN)/golangci-lint run ./...
	@if command -v shellcheck >/dev/null; then shellcheck tools/*.sh .ci/run; fi

.PHONY: proto-lint
proto-lint: deps-node ## buf lint, and buf breaking against main
	$(BUF) lint
	@tools/breaking.sh $(BUF)

.PHONY: drift
drift: deps-node deps ## generated code is what make generate makes
	@tools/drift.sh $(BUF)

.PHONY: floors
floors: deps-go ## no import points up
	go test ./aggregator/internal/floors

.PHONY: race
race: deps ## all tests under the race detector (needs a C compiler)
	@command -v "$$(go env CC)" >/dev/null || { echo "the race detector needs a C compiler (Debian: apt-get install gcc)" >&2; exit 1; }
	CGO_ENABLED=1 go test -race -timeout 40m $(ARGS) $(MODULES)

.PHONY: fuzz
fuzz: deps-go ## every fuzz test for a moment (FUZZTIME=5s)
	@tools/fuzz.sh $(FUZZTIME)

.PHONY: e2e-deps
e2e-deps: ## install the heavy tools that make e2e needs
	@tools/e2e-deps.sh
	@$(MAKE) $(BIN)/grpcurl $(BIN)/toxiproxy-server

.PHONY: e2e
e2e: deps ## tests that need heavy tools: go test -tags e2e, names TestE2E…
	PATH="$(BIN):$$PATH" go test -tags e2e -run '^TestE2E' -count=1 -timeout 60m $(ARGS) $(MODULES)
	@tools/package-check.sh

.PHONY: bench
bench: deps ## benchmarks of the budgets (BENCHTIME=1s)
	go test -run '^$$' -bench . -benchtime=$(BENCHTIME) -timeout 60m $(ARGS) ./aggregator/internal/bench/... ./agent/internal/bench/... ./aggregator/internal/endtoend

.PHONY: soak
soak: deps e2e-deps ## the long fault tests: N random kills (N=1000), a bad network for a while (MINUTES=10)
	PATH="$(BIN):$$PATH" SOAK_N=$(N) SOAK_MINUTES=$(MINUTES) go test -tags e2e -run '^TestSoak' -count=1 -v -timeout 180m $(ARGS) ./aggregator/internal/endtoend/...

.PHONY: scale
scale: deps ## a synthetic fleet against an aggregator; what docs/scale.md quotes (MACHINES=10000)
	@tools/scale.sh

.PHONY: generate
generate: deps-go deps-node ## Go code and data dictionary from the .proto files, Grafana dashboards
	$(BUF) generate
	tools/dictionary.sh >docs/data-dictionary.md
	tools/dashboards.sh packaging/grafana
	go test ./agent/cmd/rollcall-agent ./aggregator/cmd/rollcall ./aggregator/cmd/rollcall-aggregator -run '^TestManualPages' -count=1 -update

.PHONY: schema
schema: deps ## migrations/schema.sql from a migrated database
	go test ./aggregator/internal/store -run '^TestSchemaFile$$' -count=1 -update

.PHONY: package
package: deps-go ## the release in ./dist: archives, packages of every platform, SBOMs (ONLY=linux, windows, macos)
	@tools/package.sh dist

.PHONY: deps deps-go deps-node
deps: deps-go
	@tools/postgres.sh
deps-go:
	@tools/go.sh
deps-node:
	@tools/node.sh

$(BIN)/gofumpt $(BIN)/golangci-lint $(BIN)/grpcurl: tools/go.mod | deps-go
	@echo "building $(@F) (golangci-lint takes some minutes, once) …"
	@GOWORK=off GOBIN=$(BIN) go install -C tools $$(GOWORK=off go list -C tools tool | grep -E '/$(@F)$$|/cmd/$(@F)$$')
	@touch $@

$(BIN)/toxiproxy-server: tools/go.mod | deps-go
	@GOWORK=off go build -C tools -o $@ github.com/Shopify/toxiproxy/v2/cmd/server
	@touch $@
