/* Counts what a worker's thread allocates, retains and releases, from inside a running gateway: loaded by LD_PRELOAD.
 *
 * The numbers lie in a file that both processes map (ALLOCATION_COUNT_FILE). Only threads named "worker-…" count, and
 * only while the test says so: whoever asks, scrapes or logs beside the worker must not be taken for it.
 *
 * Entry points of the C library and of the Swift runtime are defined here and passed on. So what counts is what the
 * gateway's own code calls; what the runtime does within itself to references does not. On arm64 retain and release have
 * a calling convention of their own, which C cannot take the place of: references count on x86-64 alone.
 */
#define _GNU_SOURCE
#include "count.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static struct nt_counts none;
static struct nt_counts *counts = &none;

/* Whether this thread is a worker, found out once an epoch: its name is set after its first allocations. */
static __thread uint64_t known_epoch __attribute__((tls_model("initial-exec")));
static __thread bool is_worker __attribute__((tls_model("initial-exec")));

static __thread bool is_tracing __attribute__((tls_model("initial-exec")));

static inline bool counting(void) {
    if (is_tracing) return false;
    uint64_t epoch = __atomic_load_n(&counts->epoch, __ATOMIC_ACQUIRE);
    if (epoch == 0) return false;
    if (known_epoch != epoch) {
        char name[16] = "";
        prctl(PR_GET_NAME, name);
        is_worker = strncmp(name, "worker-", 7) == 0;
        known_epoch = epoch;
    }
    return is_worker;
}

/* ALLOCATION_COUNT_TRACE=n: where the first n counted calls came from, on standard error. */
static int traces_left;

static void trace(void) {
    if (__atomic_fetch_sub(&traces_left, 1, __ATOMIC_RELAXED) <= 0) return;
    is_tracing = true;
    void *frames[16];
    dprintf(2, "--\n");
    backtrace_symbols_fd(frames, backtrace(frames, 16), 2);
    is_tracing = false;
}

static inline void add(uint64_t *count) {
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    if (traces_left > 0) trace();
}

void *malloc(size_t size) {
    if (counting()) add(&counts->allocations);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    if (counting()) add(&counts->allocations);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    if (counting()) add(&counts->allocations);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    if (counting()) add(&counts->allocations);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}

void free(void *old) {
    if (old && counting()) add(&counts->frees);
    __libc_free(old);
}

#if defined(__x86_64__)
/* Looked up at the first call: some of them come before any constructor. */
#define NEXT(name) ({ static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name); next; })

void *swift_retain(void *object) {
    if (counting()) add(&counts->retains);
    return NEXT(swift_retain)(object);
}

void *swift_retain_n(void *object, uint32_t times) {
    if (counting()) add(&counts->retains);
    return NEXT(swift_retain_n)(object, times);
}

void *swift_bridgeObjectRetain(void *object) {
    if (counting()) add(&counts->retains);
    return NEXT(swift_bridgeObjectRetain)(object);
}

void *swift_unownedRetainStrong(void *object) {
    if (counting()) add(&counts->retains);
    return NEXT(swift_unownedRetainStrong)(object);
}

void swift_release(void *object) {
    if (counting()) add(&counts->releases);
    NEXT(swift_release)(object);
}

void swift_release_n(void *object, uint32_t times) {
    if (counting()) add(&counts->releases);
    NEXT(swift_release_n)(object, times);
}

void swift_bridgeObjectRelease(void *object) {
    if (counting()) add(&counts->releases);
    NEXT(swift_bridgeObjectRelease)(object);
}

enum { counts_references = 1 };
#else
enum { counts_references = 0 };
#endif

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ALLOCATION_COUNT_FILE");
    if (!path) return;
    const char *traces = getenv("ALLOCATION_COUNT_TRACE");
    traces_left = traces ? atoi(traces) : 0;
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *map = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED) return;
    counts = map;
    counts->counts_references = counts_references;
    __atomic_store_n(&counts->is_loaded, 1, __ATOMIC_RELEASE);
}
