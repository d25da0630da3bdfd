# tools/image/local.mk - lwx-image. Sees vmm/base and its own folder.
bin_PROGRAMS += lwx-image
lwx_image_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE)
lwx_image_SOURCES = \
	%D%/lwx_image.c \
	%D%/tree.h
