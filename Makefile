# Every command that a developer or a user types. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .build/interop-venv
QXMPP := $(addprefix .build/interop/qxmpp_,messenger standard rooms)
SOURCES := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

# What is shipped: one file with the Swift libraries in it. It keeps the names of functions, which backtraces need, and
# leaves out the rest of what a debugger would use, nearly half of it.
RELEASE := -c release --static-swift-stdlib -Xlinker --strip-debug

# For `make soak` and `make check-all`.
SOAK :=
STEPS :=

# For `make fuzz-conversations`.
SECONDS := 600
SEED :=

# For `make bench` and `make bench-peers`.
WORKS :=
SERVERS :=
SECONDS_EACH := 5
ROUNDS := 1

.PHONY: help run build package test-package packages-package test test-fast check-all interop soak fuzz-conversations check format docs clean \
	packages packages-chat packages-interop packages-peers libraries clients interop-clients pictures \
	bench bench-peers bench-growth bench-micro bench-thresholds bench-check bench-tools

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: packages packages-chat build ## Build, set up demo accounts below ./data, start the server
	@Scripts/run .build/release/swallowtail

build: libraries ## Build the release executable alone
	swift build $(RELEASE) --product swallowtail

package: build ## Pack it: a Debian package, and a tarball with an installer, in .build/package
	@Scripts/package .build/release/swallowtail

test-package: package ## Install it in a bare Debian 12 and have two clients talk, as docs/guides/five-minutes.md says; as root
	@Scripts/install-packages --check build package
	@Scripts/test-package --update

test: packages packages-interop ## Everything that CI runs
	@Scripts/test

test-fast: libraries ## The tests of the package alone, conversations in memory: under two minutes when it is built
	swift build --build-tests
	TRANSPORTS="memory drip websocket" swift test --skip-build --disable-xctest --skip OpenSSL --skip KillTests \
		--skip TerminationTests --skip CrashTests

check-all: clients ## Before a release: that, fuzzing, a sanitizer, what is shipped; STEPS="shipped" for some
	@Scripts/check-all $(STEPS)

interop: clients interop-clients ## Clients that other people wrote, against the debug executable
	swift build --product swallowtail
	@Interop/run

soak: libraries ## Ten minutes of lost connections and kills; SOAK="--minutes 60 --seed 1" for others, Scripts/soak --help
	swift build --product swallowtail
	@Scripts/soak $(SOAK)

pictures: clients ## Make the pictures of the README anew, with Chromium
	swift build --product swallowtail
	@Interop/run --suite browser-messenger
	@mkdir -p docs/images
	@cd .build/interop/pictures && cp consent.png invitation.png chat.png chat-dark.png ../../../docs/images

conversation-%: libraries ## Run the protocol scripts whose names begin so, such as conversation-R24
	CONVERSATION=$* swift test --filter ConversationTests.ConversationTests

fuzz-conversations: libraries ## Changed conversations of clients and browsers; SECONDS=3600 and SEED=1 choose
	swift build --product swallowtail
	@Fuzz/conversations --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz-%: libraries ## Fuzz one kind of input for a minute: fuzz-xml, fuzz-sasl, fuzz-addresses
	@Scripts/fuzz $*

bench: build bench-tools ## Measure the server; WORKS="chat ping" and SECONDS_EACH=10 choose
	@Benchmarks/run --works "$(WORKS)" --seconds $(SECONDS_EACH) --rounds $(ROUNDS)

bench-peers: build bench-tools ## The same beside Prosody and ejabberd; SERVERS="prosody" chooses
	@Scripts/install-packages --check peers
	@Benchmarks/run --peers --works "$(WORKS)" --servers "$(SERVERS)" --seconds $(SECONDS_EACH) \
		--rounds $(ROUNDS)

bench-growth: build bench-tools ## How the cost grows: connections, idle sessions, sign-ins at once, a large roster, nodes, avatars
	@Benchmarks/growth --seconds $(SECONDS_EACH)

bench-micro: libraries ## Measure parts of the server and compare them with their thresholds
	swift build -c release --package-path Benchmarks --product swallowtail-microbench
	@Benchmarks/.build/release/swallowtail-microbench --thresholds Benchmarks/thresholds.json

bench-thresholds: libraries ## Write the thresholds anew
	swift build -c release --package-path Benchmarks --product swallowtail-microbench
	@Benchmarks/.build/release/swallowtail-microbench --thresholds Benchmarks/thresholds.json --update

bench-check: bench-tools ## Show that the load generator sees what is lost, doubled or out of order
	@Benchmarks/check-load

bench-tools:
	swift build -c release --package-path Benchmarks --product swallowtail-load
	swift build -c release --package-path Benchmarks --product floor
	swift build -c release --package-path Benchmarks --product fan-out

check: ## Whether the Swift sources are formatted, and keep the habits of Tests/Habits
	swift format lint --strict --parallel --recursive $(SOURCES)
	@/usr/bin/python3 Tests/Habits/test_habits.py

format: ## Format the Swift sources
	swift format format --in-place --parallel --recursive $(SOURCES)

docs: libraries ## Write docs/generated anew, and what `check` says in the README
	swift build --product swallowtail
	@Scripts/docs .build/debug/swallowtail

clean: ## Delete what was built; ./data stays
	rm -rf .build .build-* Benchmarks/.build Fuzz/.build

# Those alone install packages that are called `packages`, `run` or `test`; the others say what is missing.
libraries:
	@Scripts/install-packages --check build

clients:
	@Scripts/install-packages --check build interop

packages: ## Install the system libraries that are missing
	@Scripts/install-packages build

packages-chat: ## Install what Scripts/chat needs
	@Scripts/install-packages chat

packages-interop: ## Install the client libraries that the interop tests need
	@Scripts/install-packages interop

packages-package: ## Install what `make test-package` needs
	@Scripts/install-packages package

packages-peers: ## Install the servers that the benchmarks compare with
	@Scripts/install-packages peers

interop-clients: $(VENV)/installed $(QXMPP)

$(VENV)/installed: Interop/requirements.txt
	/usr/bin/python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(QXMPP): .build/interop/%: Interop/clients/%.cpp Interop/clients/qxmpp_suite.h
	mkdir -p $(@D)
	g++ -std=c++17 -O0 -Wall -Wextra -fPIC $< -o $@ $$(pkg-config --cflags --libs qxmpp Qt5Core Qt5Network Qt5Xml)
