/*
 * launch.h - start the process of a consumer that is defined.
 */
#ifndef WP_REGISTRY_LAUNCH_H
#define WP_REGISTRY_LAUNCH_H

#include "registry.h"

/* For C, as registry_find() gave it: 1 started; 0 somebody else was first, or it is not to be started; -1 with err recorded. One that cannot be
 * started has crashed, says the registry. The process is a child of ours that outlives us. */
int launch(struct registry *r, struct consumer *c, bool even_crashed);

#endif
