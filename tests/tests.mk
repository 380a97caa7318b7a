# What the tests need beside the programs, and lint.
test_tools := $(patsubst tests/lib/%.c,$(build)/tests/%,$(wildcard tests/lib/*.c))

# Built without the sanitizers: they are no part of what is tested.
$(build)/tests/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -std=c11 -o $@ $<

check: test-tools
test-tools: $(test_tools)

# Not part of check: it takes daemons that few machines have, and root to run them.
check-slurm: $(test_tools)
	BUILD=$(CURDIR)/$(build) $(BATS) tests/optional/slurm

# Installs the package in a throw-away copy of the system: as root, or with sudo.
check-deb: deb $(test_tools)
	BUILD=$(CURDIR)/$(build) tests/optional/deb/run

# make chaos CHAOS_SECONDS=600 CHAOS_SEED= CHAOS_SCENARIOS=: faults injected into real work, see tests/chaos/run.
CHAOS_SECONDS ?= 600
CHAOS_SEED ?=
CHAOS_SCENARIOS ?=
chaos: all $(test_tools)
	BUILD=$(CURDIR)/$(build) tests/chaos/run $(CHAOS_SEED:%=-s %) -t $(CHAOS_SECONDS) $(CHAOS_SCENARIOS)

lint: all
	BUILD=$(CURDIR)/$(build) tests/lint

.PHONY: check-slurm check-deb chaos lint test-tools
