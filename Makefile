# Both commands do all the set-up that is missing, system packages included, and can be repeated.
#
#   make demo    build swarmscope and let it read the capture of an office that ships with it
#   make test    everything that must hold before a commit

export PATH := $(PATH):$(HOME)/.cargo/bin
SWARMSCOPE := target/release/swarmscope

.PHONY: demo test

demo:
	@.ci/setup
	@cargo build --release --locked --bin swarmscope
	@$(SWARMSCOPE) analyze tests/captures/office.pcap

test:
	@.ci/setup test
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo nextest run --locked
	cargo test --locked --doc
