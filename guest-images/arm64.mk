# guest-images/arm64.mk - programs of guests for arm64, in arm64/: make
# arm64-guests. The compiler is Debian's (tools/install-deps arm64); make install
# installs them if they are there.
EXTRA_DIST += %D%/arm64.mk
ARM64_CC = aarch64-linux-gnu-gcc
ARM64_CFLAGS = -std=gnu17 -O2 -Wall -Wextra -fstack-protector-strong \
	-fstack-clash-protection -ftrivial-auto-var-init=zero \
	-mbranch-protection=standard
ARM64_GUESTS = arm64/lwx-agent arm64/lwx-init arm64/lwx-root-init
ARM64_EFI = arm64/linuxaa64.efi.stub arm64/systemd-bootaa64.efi
# The .c files of $$sources, in one call.
ARM64_LINK = set --; for file in $$sources; do \
		case $$file in *.c) set -- "$$@" "$(srcdir)/$$file" ;; esac; \
	done; $(ARM64_CC) $(ARM64_CFLAGS) -static -o $@ "$$@"

arm64-guests: $(ARM64_GUESTS) $(ARM64_EFI)
.PHONY: arm64-guests
arm64/sysroot/done: tools/arm64-sysroot
	$(AM_V_GEN)$(MKDIR_P) arm64 && \
		$(srcdir)/tools/arm64-sysroot arm64/sysroot
$(ARM64_EFI): arm64/sysroot/done
	$(AM_V_GEN)cp arm64/sysroot/boot/usr/lib/systemd/boot/efi/`basename $@` $@
arm64/lwx-agent: $(lwx_agent_SOURCES) config.h
	@$(MKDIR_P) arm64
	$(AM_V_CCLD)sources='$(lwx_agent_SOURCES)'; $(ARM64_LINK) \
		$(lwx_agent_CPPFLAGS)
arm64/lwx-init: $(lwx_init_SOURCES) config.h arm64/sysroot/done
	$(AM_V_CCLD)sources='$(lwx_init_SOURCES)'; $(ARM64_LINK) \
		-isystem arm64/sysroot/jansson/usr/include \
		$(AM_CPPFLAGS) $(SEE_INIT) \
		-Larm64/sysroot/jansson/usr/lib/aarch64-linux-gnu -ljansson
arm64/lwx-root-init: $(lwx_root_init_SOURCES) config.h
	@$(MKDIR_P) arm64
	$(AM_V_CCLD)sources='$(lwx_root_init_SOURCES)'; $(ARM64_LINK) \
		$(lwx_root_init_CPPFLAGS)

install-exec-local: install-arm64-guests
install-arm64-guests:
	@for file in $(ARM64_GUESTS) $(ARM64_EFI); do \
		test ! -e $$file || \
			$(INSTALL) -D $$file $(DESTDIR)$(pkglibexecdir)/$$file || \
			exit 1; \
	done
.PHONY: install-arm64-guests
clean-local: clean-arm64-guests
clean-arm64-guests:
	rm -rf arm64
.PHONY: clean-arm64-guests
