# make install, make uninstall (PREFIX, DESTDIR), make demo and make deb.
INSTALL ?= install
SYSTEMDUNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR ?= $(DATADIR)/zsh/site-functions

bash_dir := $(DESTDIR)$(DATADIR)/bash-completion/completions
zsh_dir := $(DESTDIR)$(ZSHDIR)
fish_dir := $(DESTDIR)$(DATADIR)/fish/vendor_completions.d
pages := $(wildcard man/*.[1-8])
# What is run, and what that reads; the names without a suffix are for wp-pool's --backend.
backends := $(sort $(wildcard share/backends/*))
backend_dir := $(DESTDIR)$(DATADIR)/workplane/backends
examples := $(sort $(wildcard share/examples/*))
example_dir := $(DESTDIR)$(DATADIR)/doc/workplane/examples
units := $(wildcard share/systemd/*.service share/systemd/*.timer)

# A page goes to the folder of its section.
installed_pages = $(foreach p,$(pages),$(DESTDIR)$(MANDIR)/man$(patsubst .%,%,$(suffix $(p)))/$(notdir $(p)))
installed = $(PROGRAMS:%=$(DESTDIR)$(BINDIR)/%) $(installed_pages) \
	$(PROGRAMS:%=$(bash_dir)/%) $(zsh_dir)/_workplane $(PROGRAMS:%=$(fish_dir)/%.fish) \
	$(backends:share/backends/%=$(backend_dir)/%) \
	$(examples:share/examples/%=$(example_dir)/%) \
	$(units:share/systemd/%=$(DESTDIR)$(SYSTEMDUNITDIR)/%)

install: all
	$(INSTALL) -d $(sort $(dir $(installed)))
	$(INSTALL) -m 755 $(bin) $(DESTDIR)$(BINDIR)
	for page in $(pages); do \
		$(INSTALL) -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/ || exit; done
	for program in $(PROGRAMS); do \
		$(INSTALL) -m 644 share/completions/workplane.bash $(bash_dir)/$$program && \
		$(INSTALL) -m 644 share/completions/workplane.fish $(fish_dir)/$$program.fish || exit; done
	$(INSTALL) -m 644 share/completions/_workplane $(zsh_dir)
	$(INSTALL) -m 644 $(filter %.sh,$(backends)) $(backend_dir)
	$(INSTALL) -m 755 $(filter-out %.sh,$(backends)) $(backend_dir)
	$(INSTALL) -m 644 $(filter %/crontab,$(examples)) $(example_dir)
	$(INSTALL) -m 755 $(filter-out %/crontab,$(examples)) $(example_dir)
	for unit in $(notdir $(units)); do \
		sed 's|@BINDIR@|$(BINDIR)|g' share/systemd/$$unit >$(build)/$$unit && \
		$(INSTALL) -m 644 $(build)/$$unit $(DESTDIR)$(SYSTEMDUNITDIR)/ || exit; done

uninstall:
	rm -f $(installed)

# DB=CONNINFO keeps the jobs in that Postgres database, DB=throwaway in a server made for the demo.
demo: all
	BUILD=$(CURDIR)/$(build) DB='$(DB)' share/demo

# A Debian package of the tree as it is, made in a copy of it: build/workplane_VERSION_ARCHITECTURE.deb.
deb:
	share/deb

.PHONY: install uninstall demo deb
