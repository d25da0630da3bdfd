# tests/build/local.mk - the include direction and the rules every file obeys.
TESTS += tests/build/check-examples tests/build/check-includes \
	tests/build/check-manuals tests/build/check-readme \
	tests/build/check-sources
EXTRA_DIST += %D%/check-examples %D%/check-includes %D%/check-manuals \
	%D%/check-readme %D%/check-sources README.md CHANGELOG.md LICENSE
EXTRA_DIST += %D%/analyze %D%/cppcheck-suppressions .clang-tidy tests/.clang-tidy

# Compiler and flags as the build uses them, for check-includes.
check_DATA = tests/build/flags
CLEANFILES += tests/build/flags
tests/build/flags: Makefile
	@$(MKDIR_P) tests/build
	$(AM_V_GEN){ echo 'compiler $(CC)'; \
		echo 'base $(SEE_BASE)'; \
		echo 'control $(SEE_CONTROL)'; \
		echo 'kvm $(SEE_KVM)'; \
		echo 'virtio $(SEE_VIRTIO)'; \
		echo 'firmware $(SEE_FIRMWARE)'; \
		echo 'host $(SEE_HOST)'; \
		echo 'tools $(SEE_TOOLS)'; \
		echo 'image $(SEE_IMAGE)'; \
		echo 'vmm $(SEE_VMM)'; } >$@

# Static analysis: make analyze [STAGES="format tidy cppcheck gcc scan"]
analyze:
	$(srcdir)/tests/build/analyze $(STAGES)
.PHONY: analyze
