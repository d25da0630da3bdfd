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
include tests/counts/local.mk
include tests/system/local.mk
include tests/image/local.mk

# Every clause of virtio 1.2 that concerns us is shown by a test that ran: every
# program with a "VIRTIO id:" mark is named here.
CONFORMANCE_TESTS = \
	tests/integration/test_virtio_blk \
	tests/integration/test_virtio_core \
	tests/integration/test_virtio_vsock \
	tests/unit/test_blk_faults \
	tests/unit/test_blk_request \
	tests/unit/test_virtio_mmio \
	tests/unit/test_virtio_net \
	tests/unit/test_virtio_rng \
	tests/unit/test_virtqueue
dist_check_SCRIPTS = tests/conformance
TESTS += tests/conformance
EXTRA_DIST += tests/conformance-clauses.txt docs/virtio-conformance.md
# By a variable: automake has a rule of its own for this file.
CONFORMANCE_LOG = tests/conformance.log
$(CONFORMANCE_LOG): $(CONFORMANCE_TESTS:=.log)

# Write docs/virtio-conformance.md anew.
conformance: $(CONFORMANCE_TESTS:=.log)
	srcdir=$(srcdir) $(srcdir)/tests/conformance -w .
.PHONY: conformance

# The Debian package, installed and run; needs root and the network.
EXTRA_DIST += %D%/packaging
