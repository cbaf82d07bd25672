# Entry points of Millrace. `make help` lists them.
#
# Everything that is installed goes to .tools/, everything that is built to target/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ROOT := $(CURDIR)
export CARGO_TARGET_DIR ?= $(ROOT)/target
export MILLRACE_NODE_MODULES := $(ROOT)/.tools/node_modules
export MILLRACE_VECTORS := $(CARGO_TARGET_DIR)/vectors
# A node of our own where the system has none that will do.
export PATH := $(ROOT)/.tools/venv/bin:$(PATH)
# For bindgen, which compares the kernel's bindings; a system's own is taken if it is told.
export LIBCLANG_PATH ?= $(ROOT)/.tools/libclang/clang/native
PYTHON := $(ROOT)/.tools/venv/bin/python
MILLRACE := $(CARGO_TARGET_DIR)/release/millrace
export MILLRACE_SEMAPHORE := $(CARGO_TARGET_DIR)/semaphore
SEMAPHORE := $(MILLRACE_SEMAPHORE)/semaphore-20
CARGO_FLAGS := --release --locked
CONTRACTS := host/rollup/contracts
FORGE := $(MILLRACE_NODE_MODULES)/@foundry-rs/forge-linux-amd64/bin/forge

# After a line `skipped: …`: with MILLRACE_MUST_RUN=1 that is a failure.
MUST_RUN = if [ "$(MILLRACE_MUST_RUN)" = 1 ]; then echo "expected that nothing is skipped (MILLRACE_MUST_RUN=1), see above"; exit 1; fi

.PHONY: help setup build demo test test-rust test-rtl check fmt bench bench-kernels bench-counts figures ceremony campaign-rollup rollup-proofs rollup-verilated formal fuzz fuzz-device generate clean vectors test-pcie faults sanitize test-arm64

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## Install what build and tests need, into .tools/ (demo and test call this)
	@bash sim/tools/setup.sh

build: setup ## The millrace command with the simulated device: target/release/millrace
	cargo build $(CARGO_FLAGS) -p millrace-cli

vectors: setup ## Circuits, keys and witnesses that the tests read, made by circom and snarkjs
	@bash sim/vectors/circuits/make.sh $(MILLRACE_VECTORS)
	@bash sim/demo/witness.sh $(MILLRACE_SEMAPHORE)

demo: build ## Prove a real-world key on the CPU and on the simulated accelerator, check both, let L1 accept
	@MILLRACE=$(MILLRACE) bash sim/demo/demo.sh

test: test-rust test-rtl contracts ## Everything that must pass

# No separate build: what tests are built with would be built twice.
test-rust: vectors
	cargo test $(CARGO_FLAGS) --workspace --no-fail-fast -- --show-output | tee $(CARGO_TARGET_DIR)/test.log | grep -vE "^(running|successes:|$$)|\.\.\. ok$$"; grep -h "^skipped:" $(CARGO_TARGET_DIR)/test.log | sort | uniq -c || true
	@! grep -hE "^skipped:" $(CARGO_TARGET_DIR)/test.log | grep -vE "processor|NUMA" >/dev/null || { $(MUST_RUN); }

test-rtl: setup ## Testbenches of the RTL blocks
	@bash hw/ip/run_dv.sh prim field curve msm ntt dma queue

test-pcie: build vectors ## The real PCIe path: QEMU, Debian's kernels, their IOMMU and vfio-pci, the same command in the guest
	cargo build $(CARGO_FLAGS) --workspace --examples
	@bash sim/qemu/run.sh $(MILLRACE) $(MILLRACE_VECTORS)/full.zkey $(MILLRACE_VECTORS)/full.wtns $(SEMAPHORE).zkey $(SEMAPHORE).wtns $(CARGO_TARGET_DIR)/release/examples

test-arm64: setup ## Tests of field, lanes, points and of the CPU engine for arm64, under emulation (some ten minutes; no root; linker and QEMU from Debian into .tools)
	@bash sim/arm64/test.sh

sanitize: vectors ## The tests of the crates with unsafe code under AddressSanitizer (half an hour from nothing), kept in bench/results
	@status=0; bash sim/tools/sanitize.sh $(call RESULTS,sanitize)/address.txt || status=$$?; [ $$status = 0 ] || { [ $$status = 77 ] && { $(MUST_RUN); }; }

faults: setup ## The fault campaign: a table of what goes wrong, what is told, and what comes after
	cargo test $(CARGO_FLAGS) -p millrace-cosim --test campaign -- --nocapture

.PHONY: contracts contracts-generate contracts-campaign
contracts: setup ## Tests of the rollup's contracts, gas compared with the snapshot
	@if [ -x $(FORGE) ]; then cd $(CONTRACTS) && $(FORGE) test; \
	else echo "skipped: tests of the contracts: npm has forge for Linux on x86-64 only"; $(MUST_RUN); fi

contracts-generate: setup ## Write again what the contracts' folder holds of generated sources, vectors, code and gas
	cd $(CONTRACTS) && node tools/poseidon.mjs && node tools/vectors.mjs && node tools/test-key.mjs
	MILLRACE_WRITE_CONTRACTS=1 cargo test $(CARGO_FLAGS) -p millrace-l1 --test l1 contracts::
	MILLRACE_WRITE_CONTRACTS=1 cargo test $(CARGO_FLAGS) -p millrace-cli --bin millrace devkey::
	cd $(CONTRACTS) && $(FORGE) fmt && node tools/compile.mjs && FOUNDRY_GAS_SNAPSHOT_CHECK=false $(FORGE) test --match-test test_gas

contracts-campaign: setup ## 100,000 random call sequences against the contracts' books (about ten minutes), kept in campaign.json
	@FORGE=$(FORGE) bash $(CONTRACTS)/tools/campaign.sh

check: setup ## Format, lints, dependency table, generated files, RTL lint
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	@if rustup target list --installed 2>/dev/null | grep -q aarch64-unknown-linux-gnu; then \
	  cargo check $(CARGO_FLAGS) --target aarch64-unknown-linux-gnu -p millrace-kernels -p millrace-prover -p millrace-driver; \
	else echo "skipped: check for arm64: rustup target add aarch64-unknown-linux-gnu (make test-arm64 does)"; $(MUST_RUN); fi
	$(PYTHON) sim/tools/check_dependencies.py
	$(PYTHON) hw/data/generate.py --check
	$(PYTHON) docs/check_links.py
	$(PYTHON) docs/check_attacks.py
	@bash hw/lint.sh
	cd $(CONTRACTS) && node tools/poseidon.mjs --check && node tools/vectors.mjs --check && node tools/compile.mjs --check
	@bash $(CONTRACTS)/tools/campaign.sh --check
	@if [ -x $(FORGE) ]; then cd $(CONTRACTS) && $(FORGE) fmt --check; fi

fmt: ## Format the Rust sources
	cargo fmt --all

generate: setup ## Write again what comes from hw/data
	$(PYTHON) hw/data/generate.py

bench: build vectors ## Time engines and whole proofs beside arkworks; report under target/bench
	$(MILLRACE) bench --devices cpu,cpu-oracle,sim --sizes 8,10,12 --throughput \
	  --proof $(SEMAPHORE).zkey $(SEMAPHORE).wtns $(SEMAPHORE)-other.wtns --out $(CARGO_TARGET_DIR)/bench

figures: build vectors $(if $(filter pcie,$(GROUP)),pcie-records) ## Measure what is promised: GROUP=hw, cpu, pcie or rollup; exits non-zero where a figure is not met; PART=kernels, proofs, scalar, flight, processes or memory of cpu alone, CPU=native to build arkworks and all for this machine
	$(if $(filter cpu,$(GROUP)),$(KERNEL_ENV) cargo build $(CARGO_FLAGS) -p millrace-cli --no-default-features --features arkworks-assembly)
	@$(if $(filter cpu,$(GROUP)),$(KEEP_PAGES) $(KERNEL_TARGET)/release/millrace,$(MILLRACE)) figures $(or $(GROUP),hw) $(if $(PART),--part $(PART)) --folder $(CARGO_TARGET_DIR)/figures --proof $(SEMAPHORE).zkey $(SEMAPHORE).wtns $(if $(filter cpu,$(GROUP)),$(SEMAPHORE)-other.wtns --delivered $(MILLRACE))

# What `figures GROUP=pcie` prints of the fault campaign and of the guests, each run anew (some twelve minutes) and beside the program whose digest lies there.
PCIE_RECORDS := $(CARGO_TARGET_DIR)/figures/pcie
.PHONY: pcie-records
pcie-records: build
	rm -rf $(PCIE_RECORDS) && mkdir -p $(PCIE_RECORDS) && sha256sum $(MILLRACE) > $(PCIE_RECORDS)/program.sha256
	MILLRACE_RECORD=$(PCIE_RECORDS) MILLRACE_PATIENT=1 $(MAKE) faults test-pcie

# Records of what takes long: bench/results/DATE-NAME.
RESULTS = $(ROOT)/bench/results/$(shell date -u +%F)-$(1)

# For figures beside arkworks: its assembly wants its feature and a build in which these instructions are promised; Valgrind knows no more than them (CPU=native builds for this machine). Ours are chosen at run time. A folder of its own, as everything is built again.
KERNEL_TARGET := $(CARGO_TARGET_DIR)/kernels
KERNEL_ENV = CARGO_TARGET_DIR=$(KERNEL_TARGET) CRITERION_HOME=$(KERNEL_TARGET)/criterion $(if $(shell grep -m1 -ow adx /proc/cpuinfo),RUSTFLAGS="-C target-cpu=$(or $(CPU),x86-64-v3) -C target-feature=+adx") $(KERNEL_PROFILE)
# arkworks and halo2curves are generic, so their loops are compiled in crates of ours, with the profile of those: without the checks that ours are delivered with.
KERNEL_PROFILE := CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=false CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=false
# The command's allocator gives pages back at once, which arkworks, as others build it, does not pay for.
KEEP_PAGES := _RJEM_MALLOC_CONF=dirty_decay_ms:10000,muzzy_decay_ms:10000
KERNEL_CRATE := -p millrace-harness --features arkworks-assembly
# A part of the kernels is a try, and not kept.
KERNEL_KEEP = $(if $(FILTER),$(KERNEL_TARGET)/report,$(call RESULTS,criterion))

bench-kernels: bench-counts ## Kernels from 2^10 to 2^20 beside arkworks, one thread and all: criterion, CSV, plots and counts in bench/results (about half an hour); FILTER=/10 tries a part, kept in target
	rm -rf $(KERNEL_TARGET)/criterion
	$(KERNEL_ENV) cargo bench --locked $(KERNEL_CRATE) --bench kernels -- --noplot '$(FILTER)'
	$(KERNEL_ENV) cargo run $(CARGO_FLAGS) $(KERNEL_CRATE) --bin kernel-report -- $(KERNEL_TARGET)/criterion $(KERNEL_KEEP) "make bench-kernels$(if $(FILTER), FILTER='$(FILTER)')"

bench-counts: ## Instructions of the portable kernels' inner loops and of arkworks', counted by Valgrind (Debian package valgrind, needs root; skipped without it)
	@mkdir -p $(KERNEL_TARGET)/report
	$(KERNEL_ENV) cargo bench --locked $(KERNEL_CRATE) --bench counts > $(KERNEL_TARGET)/report/counts.new
	@if [ -s $(KERNEL_TARGET)/report/counts.new ]; then mkdir -p $(KERNEL_KEEP) && mv $(KERNEL_TARGET)/report/counts.new $(KERNEL_KEEP)/counts.csv && cat $(KERNEL_KEEP)/counts.csv; fi

ceremony: build ## A whole setup by snarkjs for the rollup's circuit of OPS=1 or 8 ops: contributions, verified, proven with; its record is kept. PTAU=dev: with our development powers of tau, minutes instead of an hour
	@MILLRACE=$(MILLRACE) PTAU=$(or $(PTAU),snarkjs) KEEP=$(call RESULTS,ceremony)/ops-$(or $(OPS),1).json bash sim/vectors/rollup/ceremony.sh $(or $(OPS),1) $(CARGO_TARGET_DIR)/ceremony-$(or $(OPS),1)

campaign-rollup: setup ## The rollup's long random tests, kept in host/rollup/campaigns: STATES=10^6 states with each forced op, OPS=10^6 ops through both decoders, BATCHES=1000
	@bash host/rollup/campaign.sh decoder
	@bash host/rollup/campaign.sh batches
	@bash host/rollup/campaign.sh forced

rollup-verilated: build ## A proof of 8 ops on the Verilated device, equal to the CPU's, and the demonstration on it (some ten minutes), kept in host/rollup/campaigns/verilated.json for `make figures GROUP=rollup`
	@MILLRACE=$(MILLRACE) KEEP=host/rollup/campaigns/verilated.json bash sim/demo/rollup.sh $(CARGO_TARGET_DIR)/rollup-sim

rollup-proofs: rollup-verilated ## What rollup-verilated makes, and a proof of 64 ops submitted to the contract (8 GB of memory); their records are kept
	@mkdir -p $(call RESULTS,rollup)
	MILLRACE_OPS=64 cargo test $(CARGO_FLAGS) -p millrace-circuit --test batches a_full_batch -- --nocapture | tee $(call RESULTS,rollup)/batch-64.txt
	MILLRACE_OPS=64 cargo test $(CARGO_FLAGS) -p millrace-circuit --test reproducible -- --nocapture | tee $(call RESULTS,rollup)/files-64.txt
	MILLRACE_PROOF_OPS=64 cargo test $(CARGO_FLAGS) -p millrace-l1 --test rollup every_op -- --nocapture | tee $(call RESULTS,rollup)/proof-64.txt

# cargo-fuzz wants flags that only nightly toolchains take; RUSTC_BOOTSTRAP lets the one that is here take them, for this target alone.
FUZZ_SECONDS ?= 60
FUZZ_CASES ?= 200
fuzz: setup ## Fuzz the parsers, FUZZ_SECONDS each (inputs worth keeping go to host/groth16/fuzz/seeds), then the driver (fuzz-device)
	@[ -x .tools/bin/cargo-fuzz ] || cargo install --quiet --locked --root .tools cargo-fuzz@0.13.2
	@cd host/groth16/fuzz && export RUSTC_BOOTSTRAP=1 PATH="$(ROOT)/.tools/bin:$$PATH" CARGO_TARGET_DIR="$(CARGO_TARGET_DIR)/fuzz" && for target in zkey wtns r1cs json; do \
	  mkdir -p corpus/$$target && cargo fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -print_final_stats=1 && \
	  cargo fuzz run $$target -- -merge=1 -use_counters=0 -max_len=8192 seeds/$$target corpus/$$target; done
	@$(MAKE) --no-print-directory fuzz-device

fuzz-device: setup ## A hostile device against the driver: on the socket for FUZZ_SECONDS, in every queue for FUZZ_CASES; the result is kept in bench/results
	@mkdir -p $(call RESULTS,fuzz)
	@keep=$(call RESULTS,fuzz)/hostile-server.txt; MILLRACE_HOSTILE_SEED=$$(date +%s) MILLRACE_HOSTILE_SECONDS=$(FUZZ_SECONDS) \
	  cargo test $(CARGO_FLAGS) -p millrace-cosim --test hostile_server -- --nocapture > $$keep || { cat $$keep; exit 1; }; grep '^hostile' $$keep
	@keep=$(call RESULTS,fuzz)/hostile-queues.txt; PROPTEST_CASES=$(FUZZ_CASES) \
	  cargo test $(CARGO_FLAGS) -p millrace-driver --test hostile -- --nocapture > $$keep || { cat $$keep; exit 1; }; grep '^hostile' $$keep

formal: setup ## Proofs of small RTL cells and of the slot scheduler
	@bash hw/formal/run.sh

clean: ## Remove what was built and installed
	rm -rf $(CARGO_TARGET_DIR) .tools
