# tests/payload/local.mk
