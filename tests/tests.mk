# What the tests need beside the programs, and lint.
test_tools := $(patsubst tests/lib/%.c,$(build)/tests/%,$(wildcard tests/lib/*.c))

# Built without the sanitizers: they are no part of what is tested.
$(build)/tests/%: tests/lib/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -std=c11 -o $@ $<

check: $(test_tools)

lint: all
	BUILD=$(CURDIR)/$(build) tests/lint

.PHONY: lint
