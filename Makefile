# What people type. The work is in scripts/, which CI calls in the same way.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Static binaries that are the same wherever they were built.
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

ARGS     ?=
FUZZTIME ?= 60s

.DEFAULT_GOAL := help
.PHONY: help build run test lint vuln fuzz conformance bench bench-limit bench-idle bench-slow bench-storm bench-workers bench-faults bench-check bench-rolling bench-hostile redis image clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

build: ## bin/gateway and bin/bench
	$(GOBUILD) -o bin/gateway ./gateway
	$(GOBUILD) -o bin/bench ./bench

run: build ## serve on the memory broker; ARGS are the gateway's flags
	bin/gateway --broker memory $(ARGS)

test: ## everything; ARGS are the stages to run, all without
	scripts/test.sh $(ARGS)

lint: ## formatting, vet, staticcheck, sizes, shellcheck
	scripts/lint.sh

vuln: ## known vulnerabilities of what is called, if the database can be reached
	scripts/vuln.sh

fuzz: ## each fuzz target for FUZZTIME (60s)
	FUZZTIME=$(FUZZTIME) scripts/fuzz.sh

conformance: ## RFC 6455 and RFC 7692, case by case, against the gateway
	cd gateway/conformance && go test -race -count=1

bench: build ## the reference load through Redis; ARGS are the harness's flags
	scripts/bench.sh $(ARGS)

bench-limit: build ## the gateway against bare TCP writers, on one core each; ARGS=--quick is the short form
	scripts/bench-limit.sh $(ARGS)

bench-idle: build ## memory of idle connections, in nine sizes
	scripts/bench-scene.sh idle --connections 1000,5000,19000 --groups-per-connection 0,1,10 --heap --duration 10s $(ARGS)

bench-slow: build ## readers that stop for 30 s in a group of 1000
	scripts/bench-scene.sh slow $(ARGS)

bench-storm: build ## 18,000 connections that come and leave at once
	scripts/bench-scene.sh storm $(ARGS)

bench-workers: build ## throughput and spread with 1 and 2 workers
	scripts/bench-scene.sh workers $(ARGS)

bench-faults: build ## what members lose and how long they wait while Redis, nodes and readers fail
	scripts/install-redis.sh
	scripts/bench-scene.sh faults $(ARGS)

bench-check: build ## clients that come and go at random while Redis fails; ARGS=--seed=N repeats a run
	scripts/install-redis.sh
	scripts/bench-scene.sh check $(ARGS)

bench-rolling: build ## two nodes restarted behind HAProxy, with 5000 clients that resume
	scripts/install-redis.sh
	scripts/install-haproxy.sh
	scripts/bench-scene.sh rolling $(ARGS)

bench-hostile: build ## offenders of twenty kinds beside well-behaved members; ten minutes
	scripts/bench-scene.sh hostile $(ARGS)

redis: ## install redis-server (Debian, as root); no service is started
	scripts/install-redis.sh

image: ## the container image tidegate:VERSION
	docker build --build-arg VERSION=$(VERSION) --tag tidegate:$(VERSION) .

clean: ## remove what was built, not what was downloaded
	rm -rf bin bench-results
