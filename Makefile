# SPDX-License-Identifier: GPL-2.0-only
# `make demo` runs the main job; `make check` runs all tests. Both install what they need.
BUILD ?= build
CPUS  := $(shell nproc)

# Where `make install` puts things; DESTDIR is put in front.
PREFIX  ?= /usr/local
DESTDIR ?=

# What users need; 'all' also has tests, fuzz targets and benchmarks.
PRODUCT  := ktstr libktstr.a
EXAMPLES := tests/examples/examples

# $(call ninja,WHAT,TARGETS): one line on a terminal, counting up; elsewhere only errors.
define ninja
@echo "== building $(1)"
@if [ -t 1 ]; then ninja -C $(BUILD) $(2); else ninja -C $(BUILD) --quiet $(2); fi
endef

.PHONY: all product setup kernel demo check lab trust soak bench install clean

all: $(BUILD)/build.ninja
	$(call ninja,everything)

product: $(BUILD)/build.ninja
	$(call ninja,ktstr,$(PRODUCT))

setup:
	@tools/setup.sh

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null

# The distribution's kernel with its own sched_ext schedulers, built once and cached.
kernel: setup product
	@$(BUILD)/ktstr kernel build distro --schedulers --selftests --cpu-cap $(CPUS)

demo: kernel
	$(call ninja,the examples,$(EXAMPLES))
	@echo "== the examples: EEVDF and the kernel tree's own sched_ext schedulers, each test in its own machine"
	@$(BUILD)/ktstr test $(BUILD)/tests/examples --kernel distro
	@echo "== done: results are in target/ktstr. Next: 'make install', then 'Your own test' in README.md"

check: setup
	@python3 tests/check.py

# Bad schedulers are caught, good ones pass: the confusion matrix, over SEEDS seeds.
SEEDS ?= 20
trust: kernel all
	@python3 tests/trust/trust.py $(BUILD) --seeds $(SEEDS)

# Campaigns that take hours: further kernels, default work types and behavioural tests over SEEDS seeds, and 10^7
# mutations of parsers' input.
soak: kernel all
	@python3 tests/soak/soak.py $(BUILD) --seeds $(SEEDS)

# The KVM backend inside the lab: a Linux under emulated SVM with the real kvm_amd.
lab: kernel all
	@meson test -C $(BUILD) --no-rebuild --suite lab --print-errorlogs

bench: kernel all
	@ninja -C $(BUILD) benchmarks && for b in reactor ring fetch boot sim budget presets list builds clone lab_boot telemetry; do python3 bench/$$b.py $(BUILD) || exit 1; done
	@$(BUILD)/bench/plan_bench && $(BUILD)/bench/admission_bench && python3 bench/locks.py $(BUILD)

# The program, libktstr.a, its headers and pkg-config file, manual pages, completions of five shells.
install: product
	@meson configure $(BUILD) --prefix $(PREFIX) --libdir lib
	@ninja -C $(BUILD) --quiet $(PRODUCT)
	@DESTDIR=$(abspath $(DESTDIR)) meson install -C $(BUILD) --no-rebuild --quiet
	@tools/installed.sh "$(PREFIX)" "$(DESTDIR)"

clean:
	rm -rf $(BUILD) build-asan target
