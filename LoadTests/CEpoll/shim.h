#include <sys/epoll.h>
#include <sys/prctl.h>

/* prctl is variadic, which Swift cannot call. By how much the kernel may put off this thread's timed waits. */
static inline int nt_set_timer_slack(unsigned long nanoseconds) { return prctl(PR_SET_TIMERSLACK, nanoseconds); }
