#include "page.h"

#ifdef _WIN32
#include <windows.h>

long page_size(void) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return (long)info.dwPageSize;
}
#else
#include <unistd.h>

long page_size(void) { return sysconf(_SC_PAGESIZE); }
#endif

#ifdef __GLIBC__
#include <gnu/libc-version.h>
#include <stdio.h>

const char *c_library(void) {
    static char text[32];
    snprintf(text, sizeof text, "glibc %s", gnu_get_libc_version());
    return text;
}
#elif defined(__linux__)
const char *c_library(void) { return "musl"; }
#else
const char *c_library(void) { return "the system's"; }
#endif
