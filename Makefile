# SPDX-License-Identifier: GPL-2.0-only
# `make demo` runs the main job; `make check` runs all tests. Both install what they need.
BUILD ?= build
CPUS  := $(shell nproc)

# Where `make install` puts things; DESTDIR is put in front.
PREFIX  ?= /usr/local
DESTDIR ?=

.PHONY: all setup kernel demo check lab trust soak bench install clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

setup:
	@tools/setup.sh

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null

# The distribution's kernel with its own sched_ext schedulers, built once and cached.
kernel: setup all
	@$(BUILD)/ktstr kernel build distro --schedulers --selftests --cpu-cap $(CPUS)

demo: kernel
	@echo "== the examples: EEVDF and the kernel tree's own sched_ext schedulers, each test in its own machine"
	@$(BUILD)/ktstr test $(BUILD)/tests/examples --kernel distro
	@echo "== done: sidecars are below target/ktstr; see README.md for what to do next"

check: setup
	@python3 tests/check.py

# Bad schedulers are caught, good ones pass: the confusion matrix, over SEEDS seeds.
SEEDS ?= 20
trust: kernel
	@python3 tests/trust/trust.py $(BUILD) --seeds $(SEEDS)

# Campaigns that take hours: further kernels, default work types and behavioural tests over SEEDS seeds, and 10^7
# mutations of parsers' input.
soak: kernel
	@ninja -C $(BUILD) --quiet
	@python3 tests/soak/soak.py $(BUILD) --seeds $(SEEDS)

# The KVM backend inside the lab: a Linux under emulated SVM with the real kvm_amd.
lab: kernel
	@meson test -C $(BUILD) --no-rebuild --suite lab --print-errorlogs

bench: kernel
	@ninja -C $(BUILD) benchmarks && for b in reactor ring fetch boot sim budget presets list builds clone lab_boot telemetry; do python3 bench/$$b.py $(BUILD) || exit 1; done
	@$(BUILD)/bench/plan_bench && $(BUILD)/bench/admission_bench && python3 bench/locks.py $(BUILD)

# The program, libktstr.a, its headers and pkg-config file, manual pages, completions of five shells.
install: all
	@meson configure $(BUILD) --prefix $(PREFIX) --libdir lib
	@ninja -C $(BUILD) --quiet
	@DESTDIR=$(abspath $(DESTDIR)) meson install -C $(BUILD) --no-rebuild --quiet
	@echo "installed in $(DESTDIR)$(PREFIX)"

clean:
	rm -rf $(BUILD) build-asan target
