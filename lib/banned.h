/* banned.h - functions that do not compile here: each has a safe replacement in lib/ or libc. */
#ifndef WP_BANNED_H
#define WP_BANNED_H

/* Declared before they are poisoned, so that the system headers still work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison localtime gmtime ctime asctime atoi atol atoll

#endif
