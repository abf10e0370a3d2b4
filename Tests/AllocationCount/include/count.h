#pragma once
#include <stdint.h>

/* What the hook and the test share. Counts grow while `epoch` is not 0; a new epoch makes threads look at their names. */
struct nt_counts {
    uint64_t is_loaded, counts_references;
    uint64_t epoch;
    uint64_t allocations, frees, retains, releases;
};
