/* verbs_hostile.c - guests that break the rules. */
#include "driver.h"

const struct verb hostile_verbs[] = {
	{NULL, NULL},
};
