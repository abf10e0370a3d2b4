// Each ISA file's table; NULL where the build's architecture has no such file.
#ifndef NEEDLETAIL_ASSIGN_LEVELS_H
#define NEEDLETAIL_ASSIGN_LEVELS_H
#include "assign.h"
#include "kernels.h"

const nt_assign_kernels *nt_assign_scalar(void);
const nt_assign_kernels *nt_assign_avx2(void);
const nt_assign_kernels *nt_assign_avx512vnni(void);
const nt_assign_kernels *nt_assign_neon(void);
#endif
