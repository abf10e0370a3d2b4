// Each ISA file's table; NULL where the build's architecture has no such file.
#ifndef NEEDLETAIL_LEVELS_H
#define NEEDLETAIL_LEVELS_H
#include "kernels.h"

const nt_kernels *nt_scalar(void);
const nt_kernels *nt_avx2(void);
const nt_kernels *nt_avx512vnni(void);
const nt_kernels *nt_neon(void);

// Moves the `keep` largest keys to the front, in no order. Expected O(count). keep <= count.
void nt_quickselect(uint64_t *keys, size_t count, size_t keep);
#endif
