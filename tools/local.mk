# tools/local.mk
EXTRA_DIST += %D%/install-deps
