# Every command that a developer or a user types. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .build/interop-venv
QXMPP := .build/interop/qxmpp_messenger
SOURCES := Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources

# What is shipped: one file, without the checks for mistakes of ours that the tests make (docs/decisions/0021), its
# functions in the order of their use and placed in memory as in the file, modulo 64 KiB (docs/decisions/0020), and what is
# done seldom out of the way of what is done often (docs/decisions/0023). It keeps the names of functions, which backtraces
# and `make code-order` need, and leaves out what a debugger would, nearly half of it.
UNPROFILED := -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked \
	-Xswiftc -Xfrontend -Xswiftc -function-sections -Xswiftc -use-ld=lld \
	-Xlinker --symbol-ordering-file=$(CURDIR)/Scripts/code-order.txt -Xlinker --no-warn-symbol-ordering \
	-Xlinker --strip-debug -Xlinker -z -Xlinker max-page-size=65536 -Xswiftc -Xllvm -Xswiftc -static-func-full-module-prefix=false
PROFILE := $(CURDIR)/Scripts/code-profile.profdata
RELEASE := $(UNPROFILED) -Xswiftc -Xfrontend -Xswiftc -ir-profile-use=$(PROFILE)

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

.PHONY: help run build test check-all interop soak fuzz-conversations check format docs clean packages packages-chat \
	packages-interop interop-clients pictures \
	bench bench-peers bench-growth bench-micro bench-thresholds bench-check bench-tools code-order code-profile

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build packages-chat ## Build, set up demo accounts below ./data, start the server
	@Scripts/run .build/release/swallowtail

build: packages ## Build the release executable alone
	swift build $(RELEASE) --product swallowtail

test: packages packages-interop ## Everything that CI runs
	@Scripts/test

check-all: packages packages-interop ## Before a release: that, fuzzing, a sanitizer, what is shipped; STEPS="shipped" for some
	@Scripts/check-all $(STEPS)

interop: packages packages-interop interop-clients ## Clients that other people wrote, against the debug executable
	swift build --product swallowtail
	@Interop/run

soak: packages ## Ten minutes of lost connections and kills; SOAK="--minutes 60 --seed 1" for others, Scripts/soak --help
	swift build --product swallowtail
	@Scripts/soak $(SOAK)

pictures: packages packages-interop ## Make the pictures of the README anew, with Chromium
	swift build --product swallowtail
	@Interop/run --suite browser-messenger
	@mkdir -p docs/images
	@cd .build/interop/pictures && cp consent.png invitation.png chat.png chat-dark.png ../../../docs/images

conversation-%: packages ## Run the protocol scripts whose names begin so, such as conversation-R24
	CONVERSATION=$* swift test --filter ConversationTests.ConversationTests

fuzz-conversations: packages ## Changed conversations of clients and browsers; SECONDS=3600 and SEED=1 choose
	swift build --product swallowtail
	@Fuzz/conversations --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fuzz-%: packages ## Fuzz one kind of input for a minute: fuzz-xml, fuzz-sasl, fuzz-addresses
	@Scripts/fuzz $*

bench: build bench-tools ## Measure the server; WORKS="chat ping" and SECONDS_EACH=10 choose
	@Benchmarks/run --works "$(WORKS)" --seconds $(SECONDS_EACH) --rounds $(ROUNDS)

bench-peers: build bench-tools ## The same beside Prosody and ejabberd, which are installed; SERVERS="prosody" chooses
	@Scripts/install-packages peers
	@Benchmarks/run --peers --works "$(WORKS)" --servers "$(SERVERS)" --seconds $(SECONDS_EACH) \
		--rounds $(ROUNDS)

bench-growth: build bench-tools ## How the cost grows with connections, idle sessions, a storm of sign-ins, a large roster
	@Benchmarks/growth --seconds $(SECONDS_EACH)

bench-micro: packages ## Measure parts of the server and compare them with their thresholds
	swift build -c release --package-path Benchmarks --product swallowtail-microbench
	@Benchmarks/.build/release/swallowtail-microbench --thresholds Benchmarks/thresholds.json

bench-thresholds: packages ## Write the thresholds anew
	swift build -c release --package-path Benchmarks --product swallowtail-microbench
	@Benchmarks/.build/release/swallowtail-microbench --thresholds Benchmarks/thresholds.json --update

bench-check: bench-tools ## Show that the load generator sees what is lost, doubled or out of order
	@Benchmarks/check-load

code-order: build bench-tools ## Find out anew in which order the server uses its functions; needs valgrind
	@Scripts/install-packages code-order
	@Benchmarks/code-order .build/release/swallowtail Scripts/code-order.txt
	@# The build does not know that the linker reads the list.
	@rm .build/release/swallowtail

code-profile: packages bench-tools ## Find out anew what the server does often; then comes `make code-order`
	@Benchmarks/code-profile $(PROFILE) $(UNPROFILED)
	@# The build does not know that the compiler reads the profile.
	@rm -rf "$$(realpath .build/release)"

bench-tools:
	swift build -c release --package-path Benchmarks --product swallowtail-load
	swift build -c release --package-path Benchmarks --product floor
	swift build -c release --package-path Benchmarks --product fan-out

check: ## Whether the Swift sources are formatted as swift-format does it
	swift format lint --strict --parallel --recursive $(SOURCES)

format: ## Format the Swift sources
	swift format format --in-place --parallel --recursive $(SOURCES)

docs: packages ## Write docs/generated anew, and what `check` says in the README
	swift build --product swallowtail
	@Scripts/docs .build/debug/swallowtail

clean: ## Delete what was built; ./data stays
	rm -rf .build .build-* Benchmarks/.build Fuzz/.build

packages: ## Install the system libraries that are missing
	@Scripts/install-packages build

packages-chat: ## Install what Scripts/chat needs
	@Scripts/install-packages chat

packages-interop: ## Install the client libraries that the interop tests need
	@Scripts/install-packages interop

interop-clients: $(VENV)/installed $(QXMPP)

$(VENV)/installed: Interop/requirements.txt
	/usr/bin/python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(QXMPP): Interop/clients/qxmpp_messenger.cpp
	mkdir -p $(@D)
	g++ -std=c++17 -O0 -Wall -Wextra -fPIC $< -o $@ $$(pkg-config --cflags --libs qxmpp Qt5Core Qt5Network Qt5Xml)
