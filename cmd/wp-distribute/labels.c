#include "labels.h"

#include "err.h"
#include "json.h"
#include "parse.h"

#include <string.h>

static int check(const struct strvec *labels, size_t i)
{
	const char *label = labels->v[i];
	size_t len = strcspn(label, "=");

	if (len == 0 || label[len] == '\0')
		return err_set(WP_USAGE, "\"%s\" is no label: NAME=VALUE", label);
	if (!utf8_valid(label, strlen(label)))
		return err_set(WP_USAGE, "label \"%s\" is not UTF-8", label);
	for (size_t j = 0; j < i; j++) {
		if (!strncmp(labels->v[j], label, len + 1))
			return err_set(WP_USAGE, "label \"%.*s\" is given twice", (int)len, label);
	}
	return 0;
}

int labels_add(struct strbuf *text, const struct strvec *labels)
{
	strbuf_addch(text, '{');
	for (size_t i = 0; i < labels->nr; i++) {
		const char *label = labels->v[i];
		size_t len = strcspn(label, "=");

		if (check(labels, i) < 0)
			return -1;
		strbuf_addstr(text, i ? "," : "");
		json_add_string(text, label, len);
		strbuf_addch(text, ':');
		json_add_string(text, label + len + 1, strlen(label + len + 1));
	}
	strbuf_addch(text, '}');
	return 0;
}
