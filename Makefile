# swarmscope: two commands for people, the rest for developers.
#
#   make demo   builds swarmscope and analyzes the capture that ships with it
#   make test   formatting, lints, all tests
#
# Both install what is missing first: see .ci/setup.

# Capture that `make demo` analyzes.
DEMO ?= tests/captures/office.pcap

# Where rustup puts cargo; a shell opened before its installation does not know yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help demo build test fmt clippy setup setup-test pictures clean

help:
	@sed -n 's/^#   //p' Makefile

demo: build
	@echo
	@target/release/swarmscope analyze $(DEMO)

build: setup
	cargo build --release --locked

test: setup-test fmt clippy
	cargo nextest run --locked
	cargo test --doc --locked

fmt: setup-test
	cargo fmt --check

clippy: setup-test
	cargo clippy --all-targets --locked -- -D warnings

setup:
	@.ci/setup build

setup-test:
	@.ci/setup test

# The README's picture, from what the program really prints.
pictures: build
	python3 docs/terminal_picture.py docs/pictures/analyze.svg -- \
	    target/release/swarmscope analyze $(DEMO) --color always

clean:
	cargo clean
