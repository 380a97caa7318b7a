# What makes calls fail (tests/robust/*.bats), valgrind, and both at length.

# Without the sanitizers, as it comes before what it is loaded into; -O2 because vfork() must end in a jump.
$(build)/tests/inject.so: tests/robust/inject.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -std=c11 -fPIC -fvisibility=default -fno-builtin -shared -o $@ $< -ldl
test-tools: $(build)/tests/inject.so

# Every call fails once, not a choice of them as in make check: that takes an hour. INJECT_TESTS chooses files.
INJECT_TESTS ?= $(wildcard tests/robust/*.bats)
inject: all unit test-tools
	INJECT_ALL=1 TEST_SECONDS=7200 UNIT_SECONDS=14400 BATS_SECONDS=28800 BUILD=$(CURDIR)/$(build) SANITIZE=$(SANITIZE) tests/run $(INJECT_TESTS)

.PHONY: inject

# MEMCHECK_TESTS: "unit", or bats files; without any, the unit tests and a choice of files.
MEMCHECK_TESTS ?=
memcheck: all unit test-tools
	BUILD=$(CURDIR)/$(build) tests/robust/memcheck $(MEMCHECK_TESTS)
.PHONY: memcheck
