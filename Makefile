# SPDX-License-Identifier: GPL-2.0-only
# `make demo` builds a kernel and runs the examples; `make check` runs all tests. Both install the packages that they need.
BUILD ?= build
CPUS  := $(shell nproc)

# `make install` installs below $(DESTDIR)$(PREFIX).
PREFIX  ?= /usr/local
DESTDIR ?=

# What users need; 'all' also has tests, fuzz targets and benchmarks.
PRODUCT  := ktstr libktstr.a libktstr-coverage.a
EXAMPLES := tests/examples/examples

# $(call ninja,WHAT,TARGETS): prints one line of progress on a terminal, and only errors elsewhere.
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

# Runs bad and good schedulers with SEEDS seeds, and counts how many are judged right.
SEEDS ?= 20
trust: kernel all
	@python3 tests/trust/trust.py $(BUILD) --seeds $(SEEDS)

# Runs tests that take hours: tests of real guests on further kernels, all work types and behavioural tests with SEEDS
# seeds, and the parsers with 10^7 mutated inputs.
soak: kernel all
	@python3 tests/soak/soak.py $(BUILD) --seeds $(SEEDS)

# Tests the KVM backend in the lab: an emulated machine with SVM, whose Linux has the real kvm_amd.
lab: kernel all
	@meson test -C $(BUILD) --no-rebuild --suite lab --print-errorlogs

bench: kernel all
	@ninja -C $(BUILD) benchmarks && for b in reactor ring fetch boot sim budget presets list builds clone lab_boot telemetry parallel observer stats ctprof funify completions shell bisect explore; do python3 bench/$$b.py $(BUILD) || exit 1; done
	@$(BUILD)/bench/schedule_bench && $(BUILD)/bench/power_bench && $(BUILD)/bench/plan_bench && $(BUILD)/bench/admission_bench && python3 bench/locks.py $(BUILD)

# Installs the program, libktstr.a with headers and pkg-config file, manual pages, and completions for five shells.
install: product
	@meson configure $(BUILD) --prefix $(PREFIX) --libdir lib
	@ninja -C $(BUILD) --quiet $(PRODUCT)
	@DESTDIR=$(abspath $(DESTDIR)) meson install -C $(BUILD) --no-rebuild --quiet
	@tools/installed.sh "$(PREFIX)" "$(DESTDIR)"

clean:
	rm -rf $(BUILD) build-asan target
