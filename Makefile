# workplane: make, make check, make install. Every name in capitals can be set on the command line.
CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share
PKG_CONFIG ?= pkg-config
BATS ?= bats
# SANITIZE=address,undefined builds and tests apart from the plain build.
SANITIZE ?=

VERSION := 0.1.0
PROGRAMS := wp-jobs wp-pool wp-presence wp-registry wp-distribute

comma := ,
build := build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

WARNINGS := -Wall -Wextra -Wvla -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Wformat=2 \
	-Wno-unused-parameter -Wimplicit-fallthrough -Wundef
PKGS := sqlite3 jansson smartcols libxxhash
# libpq is loaded when a Postgres database is used: only its headers are needed here.
override CPPFLAGS += -D_GNU_SOURCE -DWP_VERSION='"$(VERSION)"' -Ilib -I$(build)/sql -include lib/banned.h \
	$(shell $(PKG_CONFIG) --cflags $(PKGS) libpq)
override CFLAGS += -std=c11 $(WARNINGS) $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
override LDFLAGS += -Wl,--as-needed $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS := $(shell $(PKG_CONFIG) --libs $(PKGS)) -ldl -lm

lib := $(build)/libworkplane.a
lib_objects := $(patsubst %.c,$(build)/%.o,$(wildcard lib/*.c)) $(build)/sql/sql.o
bin := $(PROGRAMS:%=$(build)/%)
unit := $(patsubst tests/unit/%.c,$(build)/unit/%,$(wildcard tests/unit/test_*.c))
bench := $(patsubst tests/bench/%.c,$(build)/bench/%,$(wildcard tests/bench/*.c))

all: $(bin)

define program
$(1)_objects := $$(patsubst %.c,$$(build)/%.o,$$(wildcard cmd/$(1)/*.c))
$$(build)/$(1): $$($(1)_objects) $$(lib)
	$$(CC) $$(LDFLAGS) -o $$@ $$($(1)_objects) $$(lib) $$(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(lib): $(lib_objects)
	@rm -f $@
	$(AR) rcs $@ $(lib_objects)

$(build)/%.o: %.c $(build)/sql/sql.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

sql := $(sort $(wildcard share/sql/sqlite/*.sql share/sql/postgres/*.sql))
$(build)/sql/sql.c: $(sql) share/sql/compile
	@mkdir -p $(@D)
	share/sql/compile $(@D) $(sql)
$(build)/sql/sql.h: $(build)/sql/sql.c ;
$(build)/sql/sql.o: $(build)/sql/sql.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Tests
unit: $(unit)
$(build)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(lib)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $< $(lib) $(LDLIBS)

check: all unit
	BUILD=$(CURDIR)/$(build) SANITIZE=$(SANITIZE) tests/run

# The floors are built without the sanitizers whatever the rest is: they are yardsticks.
$(build)/bench/%: tests/bench/%.c $(wildcard tests/bench/*.h)
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -O2 -g -Wall -Wextra -std=c11 $(shell $(PKG_CONFIG) --cflags sqlite3 libpq) -o $@ $< \
		-Wl,--as-needed $(shell $(PKG_CONFIG) --libs sqlite3 libpq)
# These use the library: what they show would take thousands of programs. Their <err.h> is the system's.
$(build)/bench/hold_presence $(build)/bench/max_wait: $(build)/bench/%: tests/bench/%.c $(wildcard tests/bench/*.h) $(lib)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS:-Ilib=-iquote lib) $(CFLAGS) $(LDFLAGS) -o $@ $< $(lib) $(LDLIBS)
bench: all $(bench)
	BUILD=$(CURDIR)/$(build) tests/bench/run
bench-peers: all $(bench)
	BUILD=$(CURDIR)/$(build) tests/bench/peers/run

clean:
	rm -rf build

-include $(wildcard $(build)/*/*.d $(build)/*/*/*.d)

include share/install.mk tests/tests.mk tests/coverage.mk tests/robust/robust.mk tests/fuzz/fuzz.mk

.PHONY: all unit check bench bench-peers clean
.DELETE_ON_ERROR:
