/* tree_copy.h - directories, files and links from one place to another. */
#pragma once

/** tree_copy() - what is in directory @from into directory @to, with modes and
 * owners. Stops at the first thing that fails. Return: 0 or a negative errno.
 */
int tree_copy(int from, int to);
