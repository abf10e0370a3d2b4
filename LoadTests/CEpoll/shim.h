#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

// glibc declares this under _GNU_SOURCE only (glibc 2.35, Linux 5.11), which Swift's importer is run without.
int epoll_pwait2(int epoll, struct epoll_event *events, int events_max, const struct timespec *timeout,
                 const void *signals);
