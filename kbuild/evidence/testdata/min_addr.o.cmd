cmd_security/min_addr.o := gcc -D__KERNEL__ -O2 -c -o security/min_addr.o /src/linux/security/min_addr.c   ; ./tools/objtool/objtool --hacks=jump_label --hacks=noinstr --static-call --uaccess   security/min_addr.o

source_security/min_addr.o := /src/linux/security/min_addr.c

deps_security/min_addr.o := \
    $(wildcard include/config/DEFAULT_MMAP_MIN_ADDR) \
    $(wildcard include/config/LSM_MMAP_MIN_ADDR) \
  /src/linux/include/linux/compiler-version.h \
    $(wildcard include/config/CC_VERSION_TEXT) \
  /src/linux/include/linux/kconfig.h \
    $(wildcard include/config/CPU_BIG_ENDIAN) \
    $(wildcard include/config/BOOGER) \
    $(wildcard include/config/FOO) \
  /src/linux/include/linux/compiler_types.h \
  /src/linux/include/linux/capability.h \
  /src/linux/include/uapi/linux/capability.h \
  /src/linux/include/linux/security.h \

security/min_addr.o: $(deps_security/min_addr.o)

$(deps_security/min_addr.o):

security/min_addr.o: $(wildcard ./tools/objtool/objtool)
