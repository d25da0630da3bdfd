/* run_report.c - see run_report.h. */
#include "run_report.h"

#include <errno.h>
#include <stdio.h>

static void write_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			(void)fputs("&amp;", out);
			break;
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '>':
			(void)fputs("&gt;", out);
			break;
		case '"':
			(void)fputs("&quot;", out);
			break;
		default:
			/* XML has no other control characters. */
			(void)fputc((unsigned char)*text < ' ' ? ' ' : *text,
				    out);
			break;
		}
	}
}

static void write_case(FILE *out, const struct run_result *result)
{
	(void)fprintf(out, "  <testcase classname=\"lwx-vm\" name=\"");
	write_escaped(out, result->name);
	(void)fprintf(out, "\" time=\"%.3f\">\n", result->seconds);
	if (result->reason) {
		(void)fprintf(out, "    <error message=\"");
		write_escaped(out, result->reason);
		(void)fprintf(out, "\"/>\n");
	} else if (result->status) {
		(void)fprintf(out,
			      "    <failure message=\"exit status %d\"/>\n",
			      result->status);
	}
	(void)fprintf(out, "  </testcase>\n");
}

int run_report_junit(const char *path, const struct run_result *result,
		     struct err *err)
{
	FILE *out = fopen(path, "we");
	int failed;

	if (!out)
		return err_set(err, -errno, "--junit %s", path);
	(void)fprintf(
		out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"lwx-vm run\" tests=\"1\" failures=\"%d\" "
		"errors=\"%d\" time=\"%.3f\">\n",
		!result->reason && result->status, result->reason != NULL,
		result->seconds);
	write_case(out, result);
	(void)fprintf(out, "</testsuite>\n");
	failed = ferror(out);
	if (fclose(out) || failed)
		return err_set(err, -EIO, "--junit %s", path);
	return 0;
}
