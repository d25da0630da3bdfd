# tests/fuzz/local.mk - fuzz targets: fuzz_NAME.c defines
# LLVMFuzzerTestOneInput(), tests/fuzz/corpus/NAME/ holds its inputs.
#
# The default build links replay.c: `make check` runs every input of the corpus.
# With --enable-fuzzing the targets link libFuzzer and are not run by `make
# check`; tests/fuzz/run does that build, runs the targets and tells coverage.
#
# To add one: copy a block below, put at least one input into its corpus.
FUZZ_TARGETS =
if FUZZING
FUZZ_LIBS =
else
check_LIBRARIES += tests/fuzz/libreplay.a
tests_fuzz_libreplay_a_SOURCES = %D%/replay.c
tests_fuzz_libreplay_a_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
FUZZ_LIBS = tests/fuzz/libreplay.a
TESTS += $(FUZZ_TARGETS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_SOURCES = %D%/fuzz_agent.c \
	tools/boot_chart.c tools/boot_chart_draw.c
tests_fuzz_fuzz_agent_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_agent_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_agent_LDADD = $(FUZZ_LIBS) $(HOST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_blk_device
tests_fuzz_fuzz_blk_device_SOURCES = %D%/fuzz_blk_device.c
tests_fuzz_fuzz_blk_device_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_blk_device_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_blk_device_LDADD = $(FUZZ_LIBS) $(FAKE_ENGINE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_blk_request
tests_fuzz_fuzz_blk_request_SOURCES = %D%/fuzz_blk_request.c
tests_fuzz_fuzz_blk_request_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_blk_request_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_blk_request_LDADD = $(FUZZ_LIBS) $(VIRTIO_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_guest_mem
tests_fuzz_fuzz_guest_mem_SOURCES = %D%/fuzz_guest_mem.c
tests_fuzz_fuzz_guest_mem_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_guest_mem_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_guest_mem_LDADD = $(FUZZ_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_ctl_proto
tests_fuzz_fuzz_ctl_proto_SOURCES = %D%/fuzz_ctl_proto.c
tests_fuzz_fuzz_ctl_proto_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_ctl_proto_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_ctl_proto_LDADD = $(FUZZ_LIBS) $(CONTROL_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_cbor
tests_fuzz_fuzz_cbor_SOURCES = %D%/fuzz_cbor.c
tests_fuzz_fuzz_cbor_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_cbor_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_cbor_LDADD = $(FUZZ_LIBS) $(CONTROL_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_host_config
tests_fuzz_fuzz_host_config_SOURCES = %D%/fuzz_host_config.c
tests_fuzz_fuzz_host_config_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_host_config_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_host_config_LDADD = $(FUZZ_LIBS) $(HOSTCFG_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_image_load
tests_fuzz_fuzz_image_load_SOURCES = %D%/fuzz_image_load.c
tests_fuzz_fuzz_image_load_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_image_load_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_image_load_LDADD = $(FUZZ_LIBS) $(FIRMWARE_LIBS) $(BASE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_virtqueue
tests_fuzz_fuzz_virtqueue_SOURCES = %D%/fuzz_virtqueue.c
tests_fuzz_fuzz_virtqueue_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_virtqueue_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_virtqueue_LDADD = $(FUZZ_LIBS) $(VIRTIO_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_virtio_mmio
tests_fuzz_fuzz_virtio_mmio_SOURCES = %D%/fuzz_virtio_mmio.c
tests_fuzz_fuzz_virtio_mmio_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_virtio_mmio_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_virtio_mmio_LDADD = $(FUZZ_LIBS) $(FAKE_ENGINE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_vsock_connect
tests_fuzz_fuzz_vsock_connect_SOURCES = %D%/fuzz_vsock_connect.c
tests_fuzz_fuzz_vsock_connect_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_vsock_connect_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_vsock_connect_LDADD = $(FUZZ_LIBS) $(VIRTIO_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_vsock_device
tests_fuzz_fuzz_vsock_device_SOURCES = %D%/fuzz_vsock_device.c
tests_fuzz_fuzz_vsock_device_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_vsock_device_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_vsock_device_LDADD = $(FUZZ_LIBS) $(FAKE_ENGINE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_net_device
tests_fuzz_fuzz_net_device_SOURCES = %D%/fuzz_net_device.c
tests_fuzz_fuzz_net_device_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_net_device_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_net_device_LDADD = $(FUZZ_LIBS) $(FAKE_ENGINE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_net_passt
tests_fuzz_fuzz_net_passt_SOURCES = %D%/fuzz_net_passt.c
tests_fuzz_fuzz_net_passt_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_TESTS)
tests_fuzz_fuzz_net_passt_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_net_passt_LDADD = $(FUZZ_LIBS) $(VIRTIO_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_image_archive
tests_fuzz_fuzz_image_archive_SOURCES = %D%/fuzz_image_archive.c
tests_fuzz_fuzz_image_archive_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE)
tests_fuzz_fuzz_image_archive_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_image_archive_LDADD = $(FUZZ_LIBS) $(IMAGE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_oci_index
tests_fuzz_fuzz_oci_index_SOURCES = %D%/fuzz_oci_index.c
tests_fuzz_fuzz_oci_index_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE)
tests_fuzz_fuzz_oci_index_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_oci_index_LDADD = $(FUZZ_LIBS) $(IMAGE_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_yaml_doc
tests_fuzz_fuzz_yaml_doc_SOURCES = %D%/fuzz_yaml_doc.c
tests_fuzz_fuzz_yaml_doc_CPPFLAGS = $(AM_CPPFLAGS) $(SEE_IMAGE)
tests_fuzz_fuzz_yaml_doc_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_yaml_doc_LDADD = $(FUZZ_LIBS) $(IMAGE_LIBS)

check_PROGRAMS += $(FUZZ_TARGETS)
EXTRA_DIST += %D%/corpus
dist_noinst_SCRIPTS += %D%/run

# For tests/fuzz/run.
fuzz-targets: $(FUZZ_TARGETS)
	@echo $(FUZZ_TARGETS)
.PHONY: fuzz-targets
