# host/liblwx/local.mk - liblwx.a: one object with what it needs of ours inside,
# of which only lwx_*() can be seen.
noinst_LIBRARIES += liblwxown.a
liblwxown_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_HOST) \
	-DLWX_VM_PATH='"$(bindir)/lwx-vm"'
liblwxown_a_CFLAGS = $(AM_CFLAGS)
liblwxown_a_SOURCES = %D%/lwx.c %D%/lwx.h

LWX_PARTS = liblwxown.a libhost.a libhostcfg.a libcontrol.a libbase.a
LWX_LIBS = liblwx.a $(CBOR_LIBS) $(UUID_LIBS)
liblwx.a: $(LWX_PARTS)
	$(AM_V_GEN)rm -f $@ && \
	$(CC) -r -nostdlib -o lwx-whole.o -Wl,--whole-archive liblwxown.a \
		-Wl,--no-whole-archive -Wl,--start-group libhost.a \
		libhostcfg.a \
		libcontrol.a libbase.a -Wl,--end-group && \
	$(OBJCOPY) -w --keep-global-symbol='lwx_*' lwx-whole.o && \
	$(AR) cr $@ lwx-whole.o && rm -f lwx-whole.o

lwxlibdir = $(libdir)
lwxlib_DATA = liblwx.a
include_HEADERS = %D%/lwx.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = host/liblwx/lwx.pc
host/liblwx/lwx.pc: %D%/lwx.pc.in Makefile
	@$(MKDIR_P) host/liblwx
	$(AM_V_GEN)sed -e 's|@prefix[@]|$(prefix)|' -e 's|@libdir[@]|$(libdir)|' \
		-e 's|@includedir[@]|$(includedir)|' \
		-e 's|@version[@]|$(PACKAGE_VERSION)|' \
		$(srcdir)/host/liblwx/lwx.pc.in >$@.tmp && mv $@.tmp $@
CLEANFILES += liblwx.a host/liblwx/lwx.pc
EXTRA_DIST += %D%/lwx.pc.in
dist_man_MANS += %D%/lwx.3

# The examples, as a user builds them.
exampledir = $(docdir)/examples
dist_example_DATA = %D%/examples/run.c %D%/examples/test.c
noinst_PROGRAMS += lwx-example-run
check_PROGRAMS += lwx-example-test
LWX_EXAMPLE_CPPFLAGS = -I$(top_srcdir)/host/liblwx
lwx_example_run_SOURCES = %D%/examples/run.c
lwx_example_run_CPPFLAGS = $(LWX_EXAMPLE_CPPFLAGS)
lwx_example_run_CFLAGS = $(AM_CFLAGS)
lwx_example_run_LDADD = $(LWX_LIBS)
lwx_example_test_SOURCES = %D%/examples/test.c
lwx_example_test_CPPFLAGS = $(LWX_EXAMPLE_CPPFLAGS) $(CMOCKA_CFLAGS)
lwx_example_test_CFLAGS = $(AM_CFLAGS)
lwx_example_test_LDADD = $(LWX_LIBS) $(CMOCKA_LIBS)
