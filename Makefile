# swarmscope: two commands for people, the rest for developers.
#
#   make demo   builds swarmscope and analyzes the capture that ships with it
#   make test   formatting, lints, documentation, all tests
#
# Both install what is missing first: see .ci/setup.

# Capture that `make demo` analyzes.
DEMO ?= tests/captures/office.pcap

# Where rustup puts cargo; a shell opened before its installation does not know yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help demo build test fmt clippy doc rules setup setup-test pictures clean

help:
	@sed -n 's/^#   //p' Makefile

demo: build
	@echo
	@target/release/swarmscope analyze $(DEMO)

build: setup
	cargo build --release --locked

test: setup-test fmt clippy doc rules
	PATH="$$PATH:$$PWD/target/tools" SWARMSCOPE_PROMTOOL=promtool cargo nextest run --locked
	cargo test --doc --locked

fmt: setup-test
	cargo fmt --check

clippy: setup-test
	cargo clippy --all-targets --locked -- -D warnings

# What the documentation links to is there, in private items too.
doc: setup-test
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

# The Prometheus rules. promtool is the system's, or the copy that .ci/setup put into target/tools.
RULES = rules/prometheus
rules: setup-test
	PATH="$$PATH:$$PWD/target/tools" promtool check rules --lint=all --lint-fatal $(RULES)/*.rules.yml
	PATH="$$PATH:$$PWD/target/tools" promtool test rules $(RULES)/*_test.yml

setup:
	@.ci/setup build

setup-test:
	@.ci/setup test

# The README's pictures, from what the program really prints about the demo capture: up to its second host, and the end.
PICTURE = python3 docs/terminal_picture.py docs/pictures
ANALYZE = -- target/release/swarmscope analyze $(DEMO) --color always

pictures: build
	$(PICTURE)/hosts.svg --to '  192.168.50.34  20' $(ANALYZE)
	$(PICTURE)/torrents.svg --from TORRENTS $(ANALYZE)

clean:
	cargo clean
