# tests/build/local.mk
