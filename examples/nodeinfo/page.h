#ifndef FLEET_PAGE_H
#define FLEET_PAGE_H

/* The size of a page of memory in bytes, as the system says it at run time. */
long page_size(void);

/* The C library that is linked: "musl", "glibc 2.36", or the system's own. */
const char *c_library(void);

#endif
