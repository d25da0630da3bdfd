# firmware/local.mk - kernel images and what a guest reads about its machine.
# Never sees KVM or virtio.
noinst_LIBRARIES += libfirmware.a
libfirmware_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_FIRMWARE)
libfirmware_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libfirmware_a_SOURCES = \
	%D%/acpi_build.h \
	%D%/boot_x86.h \
	%D%/fdt_build.h \
	%D%/image_load.h \
	%D%/machine_desc.c %D%/machine_desc.h \
	%D%/x86_layout.h

# Link before BASE_LIBS.
FIRMWARE_LIBS = libfirmware.a $(FDT_LIBS)
