# tests/image/local.mk - lwx-image: unit tests and whole builds, no KVM.
SEE_IMAGE_TESTS = $(SEE_IMAGE) -iquote $(top_srcdir)/tests/lib $(CMOCKA_CFLAGS)
