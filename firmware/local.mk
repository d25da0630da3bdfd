# firmware/local.mk - kernel images and what a guest reads about its machine.
# Never sees KVM or virtio.
noinst_LIBRARIES += libfirmware.a
libfirmware_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_FIRMWARE)
libfirmware_a_CFLAGS = $(AM_CFLAGS) $(WARN_CONVERSION)
libfirmware_a_SOURCES = \
	%D%/acpi_build.c %D%/acpi_build.h \
	%D%/aml.c %D%/aml.h \
	%D%/boot_x86.c %D%/boot_x86.h \
	%D%/fdt_build.c %D%/fdt_build.h \
	%D%/image_file.c %D%/image_file.h \
	%D%/image_load.c %D%/image_load.h \
	%D%/load_bzimage.c \
	%D%/load_elf.c \
	%D%/load_uki.c \
	%D%/machine_desc.c %D%/machine_desc.h \
	%D%/mp_table.c %D%/mp_table.h \
	%D%/x86_layout.h

# Link before BASE_LIBS.
FIRMWARE_LIBS = libfirmware.a $(FDT_LIBS)
