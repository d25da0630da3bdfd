# tools/image/local.mk - lwx-image. Sees vmm/base and its own folder.
noinst_LIBRARIES += libimage.a
libimage_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE) $(ARCHIVE_CFLAGS) \
	$(CRYPTO_CFLAGS) $(JANSSON_CFLAGS) $(SECCOMP_CFLAGS) $(YAML_CFLAGS) \
	$(FDISK_CFLAGS) $(LZ4_CFLAGS) $(ZLIB_CFLAGS) $(ZSTD_CFLAGS) \
	-DLWX_MODULES='"$(pkgdatadir)/modules"'
libimage_a_SOURCES = \
	%D%/architecture.c %D%/architecture.h \
	%D%/archive_child.c %D%/archive_child.h \
	%D%/archive_origin.c %D%/archive_origin.h \
	%D%/archive_read.c %D%/archive_read.h \
	%D%/archive_reader.c %D%/archive_reader.h \
	%D%/archive_record.h \
	%D%/archive_sandbox.c %D%/archive_sandbox.h \
	%D%/archive_write_tar.c %D%/archive_write_tar.h \
	%D%/cloud.h \
	%D%/cloud_check.c \
	%D%/cloud_command.c \
	%D%/definition.c %D%/definition.h \
	%D%/definition_merge.c \
	%D%/definition_schema.c \
	%D%/definition_image.c \
	%D%/definition_table.c %D%/definition_table.h \
	%D%/debs.h %D%/debs_internal.h \
	%D%/debs_fetch.c \
	%D%/debs_lock.c \
	%D%/debs_set.c \
	%D%/debs_source.c \
	%D%/debs_tree.c \
	%D%/disk_fat.c %D%/disk_fat.h \
	%D%/disk_label.c %D%/disk_label.h \
	%D%/disk_qcow2.c %D%/disk_qcow2.h \
	%D%/disk_vhd.c %D%/disk_vhd.h \
	%D%/disk_vmdk.c %D%/disk_vmdk.h \
	%D%/file_io.c %D%/file_io.h \
	%D%/foreign.c %D%/foreign.h \
	%D%/image_cache.c %D%/image_cache.h \
	%D%/image_cache_export.c \
	%D%/image_cache_index.c \
	%D%/image_cache_internal.h \
	%D%/interrupt.c %D%/interrupt.h \
	%D%/json.c %D%/json.h \
	%D%/kernel_modules.c %D%/kernel_modules.h \
	%D%/module.h \
	%D%/module_check.c %D%/module_check.h \
	%D%/module_read.c \
	%D%/module_resolve.c \
	%D%/module_source.c \
	%D%/module_table.c \
	%D%/oci.h \
	%D%/oci_blobs.c %D%/oci_blobs.h \
	%D%/oci_config.c \
	%D%/oci_index.c \
	%D%/oci_layer.c %D%/oci_layer.h \
	%D%/oci_read.c %D%/oci_read.h \
	%D%/oci_read_docker.c \
	%D%/oci_read_layer.c \
	%D%/oci_read_layout.c \
	%D%/oci_reading.h \
	%D%/oci_spec.c %D%/oci_spec.h \
	%D%/oci_spec_fields.c \
	%D%/oci_spec_mounts.c \
	%D%/oci_write.c %D%/oci_write.h \
	%D%/output.c %D%/output.h %D%/output_internal.h \
	%D%/output_archive.c \
	%D%/output_direct.c \
	%D%/output_disk.c \
	%D%/output_esp.c \
	%D%/output_formats.c %D%/output_formats.h \
	%D%/output_host.c \
	%D%/output_initrd.c \
	%D%/output_iso.c \
	%D%/output_parts.c \
	%D%/output_uki.c \
	%D%/pkg_table.c \
	%D%/sbom.c %D%/sbom.h %D%/sbom_internal.h \
	%D%/sbom_dpkg.c \
	%D%/sbom_read.c \
	%D%/sbom_write.c \
	%D%/seed.c %D%/seed.h \
	%D%/seed_write.c \
	%D%/sha256.c %D%/sha256.h \
	%D%/sink.c %D%/sink.h \
	%D%/sink_compress.c \
	%D%/source_box.c %D%/source_box.h \
	%D%/source_build.c %D%/source_build.h \
	%D%/source_stage.c \
	%D%/spawn.c %D%/spawn.h \
	%D%/syslinux.c %D%/syslinux.h \
	%D%/tree.c %D%/tree.h %D%/tree_internal.h \
	%D%/tree_content.c \
	%D%/tree_cpio.c %D%/tree_cpio.h \
	%D%/tree_diff.c %D%/tree_diff.h \
	%D%/tree_dir.c %D%/tree_dir.h \
	%D%/tree_dir_run.c \
	%D%/tree_dir_write.c \
	%D%/tree_entry.c \
	%D%/tree_hash.c %D%/tree_hash.h \
	%D%/tree_links.c \
	%D%/tree_merge.c \
	%D%/tree_path.c \
	%D%/tree_size.c %D%/tree_size.h \
	%D%/tree_size_svg.c \
	%D%/uki_write.c %D%/uki_write.h \
	%D%/work_dir.c %D%/work_dir.h \
	%D%/yaml_doc.c %D%/yaml_doc.h

# Link order of what stands on libimage.
IMAGE_LIBS = libimage.a $(BASE_LIBS) $(ARCHIVE_LIBS) $(CRYPTO_LIBS) \
	$(JANSSON_LIBS) $(SECCOMP_LIBS) $(YAML_LIBS) $(FDISK_LIBS) \
	$(LZ4_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS)

bin_PROGRAMS += lwx-image
lwx_image_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE) $(JANSSON_CFLAGS)
lwx_image_SOURCES = \
	%D%/build.c %D%/build.h %D%/build_internal.h \
	%D%/build_bundle.c \
	%D%/build_deb.c \
	%D%/build_file.c \
	%D%/build_kernel.c \
	%D%/build_module.c \
	%D%/build_names.c \
	%D%/build_network.c \
	%D%/build_output.c \
	%D%/build_source.c \
	%D%/build_stamp.c \
	%D%/build_users.c \
	%D%/build_volume.c \
	%D%/cache_transfer.c %D%/cache_transfer.h \
	%D%/lwx_image.c %D%/lwx_image.h \
	%D%/pkg.c %D%/pkg.h \
	%D%/pkg_build.c \
	%D%/pkg_index.c \
	%D%/reference.c %D%/reference.h \
	%D%/subject.c %D%/subject.h \
	%D%/check.h \
	%D%/check_build.c \
	%D%/check_run.c \
	%D%/verb_build.c \
	%D%/verb_cache.c \
	%D%/verb_check.c \
	%D%/verb_diff.c \
	%D%/verb_inspect.c \
	%D%/verb_metadata.c \
	%D%/verb_module.c \
	%D%/verb_pkg.c \
	%D%/verb_push.c \
	%D%/verb_run.c \
	%D%/verb_schema.c \
	%D%/verb_size.c
lwx_image_LDADD = $(IMAGE_LIBS)

# lwx-image(1): the verbs come from their --help.
nodist_man_MANS += tools/image/lwx-image.1
CLEANFILES += tools/image/lwx-image.1
EXTRA_DIST += %D%/lwx-image.1.in
tools/image/lwx-image.1: %D%/lwx-image.1.in tools/verbs-manual \
		lwx-image$(EXEEXT)
	@$(MKDIR_P) tools/image
	$(AM_V_GEN)$(srcdir)/tools/verbs-manual ./lwx-image \
		<$(srcdir)/tools/image/lwx-image.1.in >$@.tmp && mv $@.tmp $@

# lwx-image.yml(5): the keys come from the tables.
nodist_man_MANS += tools/image/lwx-image.yml.5
CLEANFILES += tools/image/lwx-image.yml.5
EXTRA_DIST += %D%/lwx-image.yml.5.in %D%/lwx-image.yml.5.end
tools/image/lwx-image.yml.5: %D%/lwx-image.yml.5.in %D%/lwx-image.yml.5.end \
		lwx-image$(EXEEXT)
	@$(MKDIR_P) tools/image
	$(AM_V_GEN){ cat $(srcdir)/tools/image/lwx-image.yml.5.in && \
		./lwx-image schema --manual | sed 's/-/\\-/g' && \
		cat $(srcdir)/tools/image/lwx-image.yml.5.end; } >$@.tmp && \
		mv $@.tmp $@

# Process 1 of small initrds: static, no sanitizer, the libc alone.
pkglibexec_PROGRAMS += lwx-root-init
lwx_root_init_CPPFLAGS = $(AM_CPPFLAGS)
lwx_root_init_CFLAGS = -std=gnu17 $(WARN_CFLAGS) $(HARDEN_CFLAGS)
lwx_root_init_LDFLAGS = -static
lwx_root_init_SOURCES = \
	%D%/root-init/root_find.c \
	%D%/root-init/root_init.c %D%/root-init/root_init.h \
	%D%/root-init/root_modules.c \
	%D%/root-init/root_verity.c

# What a build from source runs in its sandbox: beside the programs, so that
# they find it.
nodist_pkglibexec_SCRIPTS = lwx-source-build
CLEANFILES += lwx-source-build
EXTRA_DIST += %D%/source-build
lwx-source-build: %D%/source-build
	$(AM_V_GEN)cp $(srcdir)/tools/image/source-build $@.tmp && \
		chmod 755 $@.tmp && mv $@.tmp $@
