#include <pthread.h>
#include <linux/filter.h>
#include <uv.h>

// glibc declares these under _GNU_SOURCE only, which Swift's Glibc module is built without.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);
