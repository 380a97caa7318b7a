/*
 * name.h - what users call things, and what they say about them.
 */
#ifndef WP_NAME_H
#define WP_NAME_H

enum { NAME_MAX_BYTES = 65536, META_MAX_BYTES = 1 << 20 };

/* 1 to NAME_MAX_BYTES bytes of UTF-8: 0, or -1 with err recorded (65); WHAT names it. */
int name_check(const char *what, const char *name);
/* A JSON object of at most META_MAX_BYTES. The same. */
int meta_check(const char *meta);

#endif
