#include "table.h"

#include "err.h"
#include "tap.h"

#include <locale.h>

static const struct table_column columns[] = {
	{ "ID", TABLE_NUMBER, 0 },
	{ "QUEUE", TABLE_TEXT, 0 },
	{ "DONE", TABLE_BOOL, 0 },
	{ "PAYLOAD", TABLE_JSON, 0 },
	{ "ERROR", TABLE_TEXT, TABLE_EXTRA },
	{ 0 }
};

enum { ID, QUEUE, DONE, PAYLOAD, ERROR };

static int print(void *ctx)
{
	struct table *t;

	if (table_open(&t, "jobs", columns, ctx) < 0)
		return err_report();
	table_row(t);
	table_set_int(t, ID, 7);
	table_set(t, QUEUE, "mail \"x\"");
	table_set(t, DONE, "1");
	table_set(t, PAYLOAD, "{\"a\": [1, \"\\u0001\"]}");
	table_set(t, ERROR, "no");
	table_row(t);
	table_set_int(t, ID, 12345);
	table_setn(t, QUEUE, "a\033[31m\nb\xff too long", 9);
	table_set(t, DONE, "0");
	table_set(t, PAYLOAD, NULL);
	return table_print(t) < 0 ? err_report() : 0;
}

static int print_empty(void *ctx)
{
	struct table *t;

	if (table_open(&t, "jobs", columns, ctx) < 0)
		return err_report();
	return table_print(t) < 0 ? err_report() : 0;
}

static void gives(int (*fn)(void *), struct table_args args, const char *expected, const char *name)
{
	struct captured c = capture(fn, &args);

	is_str(c.out, expected, "%s", name);
	is_str(c.err, "", "without complaint");
	is_int(c.status, 0, "status 0");
	captured_release(&c);
}

static void prints(void)
{
	gives(print, (struct table_args){ .output = NULL },
		"   ID QUEUE           DONE PAYLOAD\n"
		"    7 mail \"x\"        1    {\"a\": [1, \"\\u0001\"]}\n"
		"12345 a\\x1b[31m\\x0ab\xef\xbf\xbd 0    \n", "a table, control characters made visible");
	gives(print, (struct table_args){ .noheadings = true, .output = "id,done" },
		"    7 1\n12345 0\n", "chosen columns, no headings");
	gives(print, (struct table_args){ .raw = true, .output = "QUEUE" },
		"QUEUE\nmail\\x20\"x\"\na\\x1b[31m\\x0ab\\xef\\xbf\\xbd\n", "raw");
	gives(print, (struct table_args){ .pairs = true, .output = "ERROR,ID" },
		"ERROR=\"no\" ID=\"7\"\nERROR=\"\" ID=\"12345\"\n", "pairs, in the order asked for");
	gives(print, (struct table_args){ .json = true, .output = "+error" },
		"{\n   \"jobs\": [\n      {\n         \"id\": 7,\n         \"queue\": \"mail \\\"x\\\"\",\n"
		"         \"done\": true,\n         \"payload\": {\"a\": [1, \"\\u0001\"]},\n         \"error\": \"no\"\n      },{\n"
		"         \"id\": 12345,\n         \"queue\": \"a\\u001b[31m\\nb\xef\xbf\xbd\",\n         \"done\": false,\n"
		"         \"payload\": null,\n         \"error\": null\n      }\n   ]\n}\n",
		"JSON: numbers, booleans and JSON as they are, nothing as null, + adds a column");
	gives(print_empty, (struct table_args){ .output = NULL }, "", "no rows, no output");
	gives(print_empty, (struct table_args){ .json = true }, "{\n   \"jobs\": [\n\n   ]\n}\n", "no rows in JSON");
}

static void refuses(const char *list, const char *message)
{
	struct table_args args = { .output = list };
	struct table *t;

	is_int(table_open(&t, "jobs", columns, &args), -1, "--output %s is refused", list);
	is_str(err_message(), message, "because: %s", message);
	is_int(err_status(), WP_USAGE, "as a mistake in usage");
	err_clear();
}

static void chooses(void)
{
	struct table_args args = { .output = "ID,ERROR" };
	struct table *t;

	if (table_open(&t, "jobs", columns, &args) < 0)
		bail_out(err_message());
	ok(table_wants(t, ID) && table_wants(t, ERROR), "columns that are shown are wanted");
	ok(!table_wants(t, QUEUE), "others are not");
	is_int(table_print(t), 0, "a table without rows");
	refuses("nope", "unknown column \"nope\"");
	refuses("ID,", "unknown column \"\"");
	refuses("I", "unknown column \"I\"");
	refuses("IDS", "unknown column \"IDS\"");
	refuses("", "unknown column \"\"");
}

int main(void)
{
	/* Without it libsmartcols cannot tell which bytes are letters. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		bail_out("no C.UTF-8 locale");
	prints();
	chooses();
	return done_testing();
}
