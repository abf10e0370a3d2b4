#include "factorization.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#define LANES 16
#define NAME(name) avx512_##name
#define TABLE nt_factorization_avx512
#define TABLE_NAME "avx512"
#include "kernels.inc"
#pragma clang attribute pop
#endif
