# make fuzz FUZZ_SECONDS=5: every target in tests/fuzz for so long, from its corpus. Needs clang.
# What a target finds, and the inputs it makes on the way, stay under build/.
CLANG ?= clang
FUZZ_SECONDS ?= 5

fuzz := $(build)/fuzz
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz_flags := -std=c11 -O1 -g $(WARNINGS) -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz_objects := $(patsubst %.c,$(fuzz)/%.o,$(wildcard lib/*.c)) $(fuzz)/sql.o

# Sources beside lib that a target tests: fuzz_NAME_sources, and where their headers are: fuzz_NAME_dir.
fuzz_template_sources := cmd/wp-pool/template.c
fuzz_template_dir := cmd/wp-pool
fuzz_pool_talk_sources := cmd/wp-pool/talk.c cmd/wp-pool/spec.c
fuzz_pool_talk_dir := cmd/wp-pool
fuzz_post_sources := cmd/wp-registry/post.c
fuzz_post_dir := cmd/wp-registry
fuzz_settings_sources := cmd/wp-registry/settings.c
fuzz_settings_dir := cmd/wp-registry
fuzz_child_sources := $(addprefix cmd/wp-distribute/,spec.c labels.c restart.c settings.c base64.c cluster.c cluster_children.c)
fuzz_child_dir := cmd/wp-distribute
fuzz_labels_sources := cmd/wp-distribute/labels.c
fuzz_labels_dir := cmd/wp-distribute
fuzz_values_sources := cmd/wp-jobs/backoff.c
fuzz_values_dir := cmd/wp-jobs
fuzz_options_sources := $(filter-out cmd/wp-jobs/main.c,$(wildcard cmd/wp-jobs/*.c))
fuzz_options_dir := cmd/wp-jobs

$(fuzz)/%.o: %.c $(build)/sql/sql.h
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(fuzz_flags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(fuzz)/sql.o: $(build)/sql/sql.c
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) $(fuzz_flags) -c -o $@ $<
$(fuzz)/libworkplane.a: $(fuzz_objects)
	@rm -f $@
	$(AR) rcs $@ $(fuzz_objects)

define fuzz_depends
$$(fuzz)/fuzz_$(1): $$(fuzz_$(1)_sources)
endef
$(foreach name,$(fuzz_names),$(eval $(call fuzz_depends,$(name))))
$(fuzz)/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(fuzz)/libworkplane.a
	$(CLANG) $(CPPFLAGS) $(fuzz_flags) -fsanitize=fuzzer -Itests/fuzz $(addprefix -I,$(fuzz_$*_dir)) -o $@ $< $(fuzz_$*_sources) \
		$(fuzz)/libworkplane.a $(LDLIBS)

fuzz: $(fuzz_names:%=$(fuzz)/fuzz_%)
	tests/fuzz/run $(fuzz) $(FUZZ_SECONDS) $(fuzz_names)

.PHONY: fuzz
