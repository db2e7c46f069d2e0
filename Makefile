# The one entrance: people and CI call the same targets.
GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod

export CGO_ENABLED ?= 0

.PHONY: build test lint fmt fuzz golden e2e chaos bench-build bench-check bench-canary bench-release docs deps verify clean

build: ## the one binary, into bin/
	$(GO) build -trimpath -o bin/davit ./cmd/davit

test: ## all tests, with the race detector, in random order
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 20m $(shell $(GO) list ./... | grep -v /e2e)

lint: ## formatting and linters
	$(TOOL) golangci-lint run ./...

fmt: ## put the sources into form
	$(TOOL) golangci-lint fmt ./...

FUZZTIME ?= 10s
fuzz: ## every fuzz target for FUZZTIME each
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' internal | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -ho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | cut -c6-); do \
			echo "$$pkg $$target"; \
			$(GO) test ./$$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) || exit 1; \
		done; \
	done

golden: ## write expected outputs anew; look at the diff before committing it
	$(GO) test ./internal/build/attest ./internal/build/base ./internal/build/sbom ./internal/check ./internal/check/render ./internal/check/rules/... ./internal/config \
		./internal/release/analysis ./internal/verify -update
	UPDATE=1 $(GO) test ./internal/cli

e2e: ## the real binary against real servers and clients
	$(GO) test -count=1 -timeout 20m ./e2e/...

CHAOS ?= 8m
chaos: ## releases under traffic for CHAOS while everything is killed at random; DAVIT_SEED repeats one
	DAVIT_CHAOS=$(CHAOS) $(GO) test -count=1 -timeout 30m -v -run '^TestChaos$$' ./e2e

ROUNDS ?= 5
bench-build: ## davit build beside go build and ko: a table of ratios; takes about 20 minutes
	$(GO) run ./bench/build -rounds $(ROUNDS)

bench-check: ## davit check beside hadolint's assertions, dockerfilelint and ShellCheck; writes docs/hadolint.md
	$(GO) run ./bench/check -rounds $(ROUNDS) -page docs/hadolint.md

RUNS ?= 10000
bench-canary: ## verdicts on simulated releases, beside Flagger's, Argo Rollouts' and Kayenta's; writes docs/canary.md; takes about a quarter of an hour
	mkdir -p docs/canary
	$(GO) run ./bench/canary -runs $(RUNS) -page docs/canary.md -plots docs/canary

bench-release: ## the edge beside Caddy and nginx, swaps under load, the loop: a table of figures and bars; takes about a quarter of an hour
	$(GO) run ./bench/release -rounds $(ROUNDS)

deps: ## the list of packages in the binary
	$(GO) list -deps ./cmd/davit | grep -v '^github.com/davit-dev' | grep -E '^[^/]+\.[^/]+/' | sort > deps.txt

docs: ## what is generated of the documentation; fetches sixty modules
	$(GO) test ./internal/check/rules/... -run Docs -update
	$(GO) test ./internal/check -run Index -update
	$(GO) test ./internal/config -run Schema -update
	$(GO) run ./bench/dockerfiles > docs/dockerfiles.md

verify: lint test e2e ## everything that CI wants

clean:
	rm -rf bin
