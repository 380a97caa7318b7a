# make coverage: which lines the tests run, by gcovr: build/coverage/index.html, and build/coverage/summary.txt, which is also
# shown. COVERAGE_TESTS='tests/wp-jobs/add.bats test_json' takes these tests alone; without it, it is the whole suite, once.
#
# A process that ends by a signal or by _exit() says nothing of what it ran: what SIGKILL, err_bug() and a spawned child that
# cannot execute did shows as not run.
GCOVR ?= gcovr
COVERAGE_TESTS ?=

coverage := build/coverage
coverage_make = $(MAKE) build=$(coverage) CFLAGS='-O1 -g --coverage -fprofile-abs-path' LDFLAGS=--coverage

# What fails there is seen in what it prints: the report is made nevertheless.
coverage:
	$(coverage_make) -s all unit test-tools
	find $(coverage) -name '*.gcda' -delete
	-BUILD=$(CURDIR)/$(coverage) tests/run $(COVERAGE_TESTS)
	$(GCOVR) -r . --object-directory $(coverage) -f lib/ -f cmd/ --exclude-unreachable-branches -s \
		--html-details $(coverage)/index.html --txt $(coverage)/summary.txt $(coverage)
	cat $(coverage)/summary.txt

.PHONY: coverage
