# tests/counts/local.mk - gates that count instead of measuring time.
#
# The record is of gcc's code at its usual level: other builds would differ.
EXTRA_DIST += %D%/check-instructions %D%/instructions
if COUNT_INSTRUCTIONS
check_PROGRAMS += tests/counts/count_blk
tests_counts_count_blk_SOURCES = %D%/count_blk.c
tests_counts_count_blk_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_counts_count_blk_LDADD = $(FAKE_ENGINE_TEST_LIBS)
TESTS += tests/counts/check-instructions
endif
