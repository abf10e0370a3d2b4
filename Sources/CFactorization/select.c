#include "factorization.h"

#include <stdlib.h>
#include <string.h>

extern const nt_factorization nt_factorization_portable;
#if defined(__x86_64__)
extern const nt_factorization nt_factorization_avx512, nt_factorization_avx2;
#endif

const nt_factorization *nt_factorization_named(const char *name) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!strcmp(name, "avx512") && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return &nt_factorization_avx512;
  if (!strcmp(name, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return &nt_factorization_avx2;
#endif
  return strcmp(name, "portable") ? NULL : &nt_factorization_portable;
}

const nt_factorization *nt_factorization_active(void) {
  const char *asked = getenv("NEEDLETAIL_KERNELS");
  const char *order[] = {"avx512", "avx2", "portable"};
  // The retrieval kernels read the same variable and know other names ("scalar"): any of them means the plainest.
  size_t first = !asked || !*asked ? 0 : !strncmp(asked, "avx512", 6) ? 0 : !strcmp(asked, "avx2") ? 1 : 2;
  for (size_t at = first; at < 3; at++) {
    const nt_factorization *found = nt_factorization_named(order[at]);
    if (found) return found;
  }
  return &nt_factorization_portable;
}
