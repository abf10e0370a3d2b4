#include "factorization.h"

// SSE2 on x86-64, NEON on arm64: whatever the compiler may use without asking.
#define LANES 4
#define NAME(name) portable_##name
#define TABLE nt_factorization_portable
#define TABLE_NAME "portable"
#include "kernels.inc"
