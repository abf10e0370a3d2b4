// Which CPU runs which level is decided in dispatch.c.
#include "assign_levels.h"

#pragma STDC FP_CONTRACT OFF

// As many misses as a core keeps under way: a row of 512 bytes is eight lines.
#define NT_SUM_ROWS_AHEAD 4

const nt_assign_kernels *nt_assign_kernels_at(unsigned level) {
  if (!nt_kernels_at((nt_level)level)) return 0;
  switch ((nt_level)level) {
    case NT_SCALAR: return nt_assign_scalar();
    case NT_AVX2: return nt_assign_avx2();
    case NT_AVX512VNNI: return nt_assign_avx512vnni();
    case NT_NEON: return nt_assign_neon();
  }
  return 0;
}

void nt_sum_rows(const float *rows, size_t dimension, const uint32_t *items, size_t count, const float *weights,
                 float *sum) {
  for (size_t d = 0; d < dimension; d++) sum[d] = 0;
  for (size_t i = 0; i < count; i++) {
    if (i + NT_SUM_ROWS_AHEAD < count) {
      const char *next = (const char *)(rows + (size_t)items[i + NT_SUM_ROWS_AHEAD] * dimension);
      for (size_t byte = 0; byte < dimension * sizeof(float); byte += 64) __builtin_prefetch(next + byte, 0, 2);
    }
    const float *row = rows + (size_t)items[i] * dimension;
    const float weight = weights[items[i]];
    for (size_t d = 0; d < dimension; d++) sum[d] += row[d] * weight;
  }
}

void nt_gather_lanes(const uint8_t *tiles, size_t groups, const uint32_t *lanes, size_t count, uint8_t *out) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *from = tiles + lanes[i] / NT_TILE_VECTORS * groups * NT_GROUP_BYTES + lanes[i] % NT_TILE_VECTORS * 4;
    uint8_t *to = out + i / NT_TILE_VECTORS * groups * NT_GROUP_BYTES + i % NT_TILE_VECTORS * 4;
    for (size_t g = 0; g < groups; g++) __builtin_memcpy(to + g * NT_GROUP_BYTES, from + g * NT_GROUP_BYTES, 4);
  }
}

void nt_rank_lanes(const int8_t *codes, size_t code_count, const int32_t *sums, const float *scales, size_t count,
                   uint64_t *keys) {
  int32_t offset = 0;
  for (size_t i = 0; i < code_count; i++) offset += codes[i];
  offset *= 128;
  for (size_t i = 0; i < count; i++) keys[i] = nt_key((float)(sums[i] - offset) * scales[i], (uint32_t)i);
}
