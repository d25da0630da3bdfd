/* output_formats.h - the table of formats, with what makes them. */
#pragma once

#include "output_internal.h"

#define OPTIONAL_INITRD (1U << 3) /* the fourth suffix */

/** struct output_line - a format and its function */
struct output_line {
	struct output_format format;
	output_make_fn make;
};

/** output_format_make() - what makes @format; NULL if it is none of the table.
 */
output_make_fn output_format_make(const struct output_format *format);
