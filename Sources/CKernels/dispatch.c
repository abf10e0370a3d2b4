// Which kernels this CPU can run. Asked once per process; the answer never changes.
#include "kernels.h"
#include "levels.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
static int runs_neon(void) { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#elif defined(__aarch64__)
static int runs_neon(void) { return 1; }  // Apple silicon has it throughout
#else
static int runs_neon(void) { return 0; }
#endif

#if defined(__x86_64__)
// __builtin_cpu_supports also asks the OS (XGETBV) whether it saves the wide registers.
static int runs_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"); }
static int runs_avx512vnni(void) {
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512vnni");
}
#else
static int runs_avx2(void) { return 0; }
static int runs_avx512vnni(void) { return 0; }
#endif

const nt_kernels *nt_kernels_at(nt_level level) {
  switch (level) {
    case NT_SCALAR: return nt_scalar();
    case NT_AVX2: return runs_avx2() ? nt_avx2() : 0;
    case NT_AVX512VNNI: return runs_avx512vnni() ? nt_avx512vnni() : 0;
    case NT_NEON: return runs_neon() ? nt_neon() : 0;
  }
  return 0;
}
