/* run_report.h - the result of a throwaway VM for a test harness. */
#pragma once

#include "err.h"

/**
 * struct run_result - how it went
 * @name:    of the test: the command
 * @seconds: from the start of the VM to its end
 * @status:  exit status
 * @reason:  why there is no status of the command's own, or NULL
 */
struct run_result {
	const char *name;
	double seconds;
	int status;
	const char *reason;
};

/**
 * run_report_junit() - write JUnit's XML with one test case: a failure for a
 * status but 0, an error if the command gave none
 *
 * Return: 0 or a negative errno with @err.
 */
int run_report_junit(const char *path, const struct run_result *result,
		     struct err *err);
