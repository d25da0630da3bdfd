# m4/lwx.m4 - configure checks of this project.

# LWX_HOST_CPU: only x86-64 has a machine; arm64 is designed for, not built.
AC_DEFUN([LWX_HOST_CPU], [
AC_CANONICAL_HOST
AS_CASE([$host_cpu],
	[x86_64], [],
	[AC_MSG_ERROR([host CPU $host_cpu is not supported: build on x86_64])])
])

# LWX_LIB(VAR, MODULE, DEBIAN-PACKAGE): pkg-config probe whose failure names
# the package to install.
AC_DEFUN([LWX_LIB], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
AS_IF([test -z "$PKG_CONFIG"],
	[AC_MSG_ERROR([pkg-config not found: apt-get install pkg-config])])
PKG_CHECK_MODULES([$1], [$2], [],
	[AC_MSG_ERROR([$2 not found: apt-get install $3])])
])

# LWX_LIB_PLAIN(VAR, HEADER, LIB, FUNCTION, DEBIAN-PACKAGE): for libraries
# without a pkg-config file.
AC_DEFUN([LWX_LIB_PLAIN], [
AC_CHECK_HEADER([$2], [],
	[AC_MSG_ERROR([$2 not found: apt-get install $5])])
AC_CHECK_LIB([$3], [$4], [$1_LIBS=-l$3],
	[AC_MSG_ERROR([lib$3 not found: apt-get install $5])])
$1_CFLAGS=
AC_SUBST([$1_CFLAGS])
AC_SUBST([$1_LIBS])
])

# LWX_HEADER(HEADER, DEBIAN-PACKAGE)
AC_DEFUN([LWX_HEADER], [
AC_CHECK_HEADER([$1], [],
	[AC_MSG_ERROR([$1 not found: apt-get install $2])])
])

# _LWX_TRY_CFLAG(VAR, FLAG): append FLAG to VAR if the compiler takes it.
AC_DEFUN([_LWX_TRY_CFLAG], [
AS_VAR_PUSHDEF([cache], [lwx_cv_cflag_$2])
AC_CACHE_CHECK([whether $CC takes $2], [cache], [
	lwx_save_CFLAGS=$CFLAGS
	CFLAGS="-Werror $2"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AS_VAR_SET([cache], [yes])], [AS_VAR_SET([cache], [no])])
	CFLAGS=$lwx_save_CFLAGS])
AS_VAR_IF([cache], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([cache])
])

# LWX_WARNINGS: WARN_CFLAGS for all code, WARN_CONVERSION for the folders that
# handle guest data, --enable-werror.
AC_DEFUN([LWX_WARNINGS], [
AC_ARG_ENABLE([werror],
	[AS_HELP_STRING([--enable-werror], [compiler warnings are errors])])
WARN_CFLAGS=
m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wstrict-prototypes
	-Wmissing-prototypes -Wold-style-definition -Wwrite-strings -Wcast-qual
	-Wcast-align=strict -Wpointer-arith -Wformat=2 -Wundef -Wvla -Walloca
	-Wnull-dereference -Wduplicated-cond -Wduplicated-branches -Wlogical-op
	-Wframe-larger-than=8192 -Wconditional-uninitialized],
	[_LWX_TRY_CFLAG([WARN_CFLAGS], flag)])
WARN_CONVERSION=
_LWX_TRY_CFLAG([WARN_CONVERSION], [-Wconversion])
AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
AC_SUBST([WARN_CONVERSION])
])

# LWX_HARDENING: HARDEN_CPPFLAGS, HARDEN_CFLAGS, HARDEN_LDFLAGS. _FORTIFY_SOURCE
# needs optimisation and clashes with the sanitizers.
AC_DEFUN([LWX_HARDENING], [
HARDEN_CPPFLAGS=
HARDEN_CFLAGS=
HARDEN_LDFLAGS="-pie -Wl,-z,relro -Wl,-z,now"
AS_CASE([" $CFLAGS "],
	[*" -O0 "*], [],
	[AS_IF([test "x$enable_sanitize" = x || test "x$enable_sanitize" = xno],
		[HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])])
m4_foreach_w([flag], [-fPIE -fstack-protector-strong
	-fstack-clash-protection -ftrivial-auto-var-init=zero -fcf-protection],
	[_LWX_TRY_CFLAG([HARDEN_CFLAGS], flag)])
AC_SUBST([HARDEN_CPPFLAGS])
AC_SUBST([HARDEN_CFLAGS])
AC_SUBST([HARDEN_LDFLAGS])
])

# LWX_SANITIZE: --enable-sanitize=LIST, e.g. address,undefined or thread.
AC_DEFUN([LWX_SANITIZE], [
AC_ARG_ENABLE([sanitize],
	[AS_HELP_STRING([--enable-sanitize=LIST],
		[build with -fsanitize=LIST [address,undefined]])])
AS_CASE(["x$enable_sanitize"],
	[x|xno], [SANITIZE_FLAGS=],
	[xyes], [SANITIZE_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"],
	[SANITIZE_FLAGS="-fsanitize=$enable_sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer"])
AC_SUBST([SANITIZE_FLAGS])
AM_CONDITIONAL([SANITIZE], [test -n "$SANITIZE_FLAGS"])
])

# LWX_FUZZING: --enable-fuzzing links the fuzz targets with libFuzzer (needs
# clang); without it they link a driver that replays their corpus.
AC_DEFUN([LWX_FUZZING], [
AC_ARG_ENABLE([fuzzing],
	[AS_HELP_STRING([--enable-fuzzing], [link fuzz targets with libFuzzer])])
FUZZ_CFLAGS=
FUZZ_LDFLAGS=
AS_IF([test "x$enable_fuzzing" = xyes], [
	_LWX_TRY_CFLAG([FUZZ_CFLAGS], [-fsanitize=fuzzer-no-link])
	AS_IF([test -z "$FUZZ_CFLAGS"],
		[AC_MSG_ERROR([--enable-fuzzing needs clang: apt-get install clang libclang-rt-14-dev, then configure CC=clang])])
	FUZZ_LDFLAGS="-fsanitize=fuzzer"])
AC_SUBST([FUZZ_CFLAGS])
AC_SUBST([FUZZ_LDFLAGS])
AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" = xyes])
])

# LWX_COUNTS: instructions are counted where the record was made: gcc's code,
# not sanitized, at the level of optimization that configure chooses.
AC_DEFUN([LWX_COUNTS], [
AC_CHECK_HEADERS([valgrind/callgrind.h])
AM_CONDITIONAL([COUNT_INSTRUCTIONS],
	[test -z "$SANITIZE_FLAGS" && test "$CC" = gcc && \
		test "$CFLAGS" = "-g -O2" && \
		test "$ac_cv_header_valgrind_callgrind_h" = yes])
])
