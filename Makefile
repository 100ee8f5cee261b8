# Everything here works without this file too: it only saves typing.

GO ?= go
# The race detector needs a C compiler.
RACE := $(if $(shell command -v $${CC:-cc} 2>/dev/null),-race)
TEST_FLAGS ?= -timeout 9m $(RACE)
GO_FILES = $$(find . -name '*.go' -not -path '*/node_modules/*')

N ?= 1000
FRESH ?= true
KILLS ?= 200

# The page is built where there is a Node that can; a program without it says how.
NPM := $(shell npm --version >/dev/null 2>&1 && node -p 'const [a, b] = process.versions.node.split("."); a > 20 || (a == 20 && b >= 19) ? "npm" : ""' 2>/dev/null)
PAGE := $(if $(NPM),web)

.DEFAULT_GOAL := help
.PHONY: help build web web-test run test lint lint-all release fmt simulate mutate long kept backfill soak fuzz bench deploy-check

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(PAGE) ## build bin/rollcall
	$(GO) build -trimpath -o bin/rollcall ./cmd/rollcall

web: web/served/dist/index.html ## build the page, which the binary embeds; needs Node 20.19 or later

web-test: web/node_modules/.package-lock.json ## check the page's types, and test its logic; TestPage tests it in a browser
	npm --prefix web test --silent

web/served/dist/index.html: web/node_modules/.package-lock.json $(shell find web/src web/public web/*.html web/*.ts web/tsconfig.json -type f)
	npm --prefix web run build --silent

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	npm --prefix web ci --loglevel=error --no-audit --no-fund

run: $(PAGE) ## run everything in one process, with demo data: http://127.0.0.1:8080
	$(GO) run ./cmd/rollcall serve --embedded --demo

# What computes is tested beside the rest, with what time that leaves: servers are
# mostly waited for. In both one package is tested after another: several start a
# Kafka broker, and two brokers on two cores make each other's tests slow and
# their timeouts tight.
# The tests from outside run without the race detector, which sees nothing of
# other processes. So do those of packages below pipeline that run in one goroutine,
# which it makes ten times as slow, and those that count what a record takes.
# The last lines say which real servers they had, and which they missed.
test: lint $(PAGE) $(if $(NPM),web-test) ## check and test everything; ROLLCALL_REQUIRE_SERVERS=1 fails where a server is missing
	$(GO) build $(RACE) ./...
	@servers=$$(mktemp) && trap 'rm -f "$$servers"' EXIT; \
	export ROLLCALL_SERVERS_LOG=$$servers; \
	{ status=0; \
	nice $(GO) test -p 1 $(TEST_FLAGS) -timeout 15m ./pipeline ./pipeline/catalog || status=1; \
	nice $(GO) test -p 1 $$($(GO) list ./pipeline/... | grep -v '^rollcall/pipeline$$\|/catalog$$') || status=1; \
	nice $(GO) test ./pipeline -run PerRecord || status=1; \
	exit $$status; } & computing=$$!; \
	$(GO) test -p 1 $(TEST_FLAGS) $$($(GO) list ./... | grep -v '^rollcall/integration$$\|^rollcall/pipeline'); status=$$?; \
	[ $$status = 0 ] && $(GO) test -count=1 -timeout 9m ./integration || status=1; \
	wait $$computing || status=1; \
	sort -u "$$servers"; exit $$status

lint: ## gofmt and go vet
	@unformatted=$$(gofmt -l $(GO_FILES)); \
	if [ -n "$$unformatted" ]; then echo "run make fmt, these are not formatted:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...

lint-all: lint ## golangci-lint, go mod tidy and workflows too, with the versions that CI uses
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...
	$(GO) mod tidy -diff
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

release: ## build the archives of a release: make release VERSION=1.2.0
	deploy/release.sh $(VERSION) bin/release

fmt: ## format all Go files
	gofmt -w $(GO_FILES)

simulate: ## simulate N=1000 random histories with misfortunes, half of them new ones; SEED=... runs one again, and shrinks it if it fails
	@if [ -n "$(SEED)" ]; then GO='$(GO)' SEED='$(SEED)' ./simulate.sh; \
	else $(GO) test -count=1 -timeout 60m ./pipeline -run TestSimulation -simulations $(N) -fresh=$(FRESH); fi

mutate: ## switch safeguards off, one at a time: simulations must find each
	$(GO) test -count=1 -timeout 45m ./pipeline -run TestMutations -mutations

long: ## the tests with real servers that take minutes: crashes, faults by name, upgrades, memory, Redis Cluster, shutdown, OpenAPI, a small soak, alerts, what the docs say
	$(GO) test -count=1 -timeout 45m ./integration \
		-run 'TestAlerts|TestCrashes|TestDocs|TestExportFormats|TestFormats|TestLossAccepted|TestMemoryIsBounded|TestOpenAPI|TestOpenTransaction|TestOwnTopicsDown|TestReadme|TestRebuild$$|TestRedisCluster|TestRedisRefuses|TestReplay|TestRollingUpgrade|TestShutdown|TestSoak|TestStateExportImport|TestVerify' -long

kept: ## measure memory while days leave, with a real redis-server
	$(GO) test -count=1 ./pipeline -run TestMemoryOf -kept-memory -v

backfill: ## replay and rebuild 2 million records while others flow, and measure what that does to them
	$(GO) test -count=1 -timeout 60m ./integration -run 'TestReplay$$|TestRebuildBesideLive' -v -long -replayed 2000000

soak: ## kill processes, Redis and brokers KILLS=200 times at random, while records flow
	$(GO) test -count=1 -timeout 5h ./integration -run TestSoak -v -long -kills $(KILLS)

fuzz: ## fuzz all that is decoded, FUZZTIME=1m for each target; FUZZ=Parse for some
	@GO='$(GO)' ./fuzz.sh

deploy-check: ## check the image's steps, the Compose file and the Helm chart
	cd deploy/check && $(GO) vet . && $(GO) test -count=1 -parallel 8 .

bench: ## run the benchmark program against real servers and rivals; BENCH=--help tells what there is, BENCH=-full takes hours
	$(GO) run ./integration/bench $(BENCH)
