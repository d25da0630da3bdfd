# vmm/base/local.mk - no KVM, no virtio, no policy.
noinst_LIBRARIES += libbase.a
libbase_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_BASE) $(URING_CFLAGS) \
	-DLWX_LIBEXECDIR='"$(libexecdir)"' \
	-DLWX_PKGLIBEXECDIR='"$(pkglibexecdir)"'
libbase_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libbase_a_SOURCES = \
	%D%/cleanup.h \
	%D%/clock.h \
	%D%/disk_file.c %D%/disk_file.h \
	%D%/err.c %D%/err.h \
	%D%/guest_mem.c %D%/guest_mem.h \
	%D%/io_aio.c %D%/io_aio_impl.h %D%/io_aio_ready.c %D%/io_aio_work.c \
	%D%/io_bus.c %D%/io_bus.h \
	%D%/io_engine.c %D%/io_engine.h %D%/io_engine_impl.h \
	%D%/io_engine_call.c %D%/io_engine_create.c \
	%D%/io_poll.c \
	%D%/io_uring.c \
	%D%/iov.c %D%/iov.h \
	%D%/irq_line.c %D%/irq_line.h \
	%D%/log.c %D%/log.h \
	%D%/macros.h \
	%D%/program_path.c %D%/program_path.h \
	%D%/rate_limit.c %D%/rate_limit.h \
	%D%/tap_file.c %D%/tap_file.h

# Link order of what stands on libbase.
BASE_LIBS = libbase.a $(URING_LIBS) $(AIO_LIBS) -lpthread
