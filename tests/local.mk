# tests/local.mk - a test lives in the folder of its tier.
SEE_TESTS = $(SEE_VMM) -iquote $(top_srcdir)/host -iquote $(top_srcdir)/tools \
	-iquote $(top_srcdir)/tests/lib $(CMOCKA_CFLAGS)

include tests/lib/local.mk
include tests/unit/local.mk
include tests/integration/local.mk
include tests/guest/local.mk
include tests/payload/local.mk
include tests/fuzz/local.mk
include tests/build/local.mk
include tests/system/local.mk
