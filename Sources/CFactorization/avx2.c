#include "factorization.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define NAME(name) avx2_##name
#define TABLE nt_factorization_avx2
#define TABLE_NAME "avx2"
#include "kernels.inc"
#pragma clang attribute pop
#endif
