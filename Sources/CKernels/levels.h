// Each ISA file's table; NULL where the build's architecture has no such file.
#ifndef NEEDLETAIL_LEVELS_H
#define NEEDLETAIL_LEVELS_H
#include "kernels.h"

const nt_kernels *nt_scalar(void);
const nt_kernels *nt_avx2(void);
const nt_kernels *nt_avx512vnni(void);
const nt_kernels *nt_neon(void);
#endif
