#include <pthread.h>
#include <uv.h>

// glibc declares this under _GNU_SOURCE only, which Swift's Glibc module is built without.
int pthread_setname_np(pthread_t thread, const char *name);
