// The reference: what every other file must equal, and what runs where nothing better does.
#include "kernels.h"
#include "levels.h"

#define NT_NAME(name) nt_##name##_scalar
#define NT_LABEL "scalar"
#include "common.inc"

static float NT_NAME(dot_f32)(const float *a, const float *b, size_t n) {
  float sums[32] = {0};
  for (size_t i = 0; i < n; i++) sums[i % 32] += a[i] * b[i];
  for (size_t width = 16; width; width /= 2)
    for (size_t j = 0; j < width; j++) sums[j] += sums[j + width];
  return sums[0];
}

static void NT_NAME(tile_sums)(const int8_t *query, size_t groups, const uint8_t *tile, const uint8_t *ahead,
                               int32_t *sums) {
  (void)ahead;
  for (size_t j = 0; j < NT_TILE_VECTORS; j++) sums[j] = 0;
  for (size_t g = 0; g < groups; g++)
    for (size_t j = 0; j < NT_TILE_VECTORS; j++)
      for (size_t i = 0; i < NT_GROUP_DIMENSIONS; i++)
        sums[j] += (int32_t)tile[g * NT_GROUP_BYTES + 4 * j + i] * query[4 * g + i];
}

static inline void NT_NAME(tile_sums_u4)(const int8_t *query, size_t groups, const uint8_t *tile, int32_t *sums) {
  for (size_t j = 0; j < NT_TILE_VECTORS; j++) {
    sums[j] = 0;
    for (size_t g = 0; g < groups; g++)
      for (size_t i = 0; i < 4; i++) {
        const uint8_t two = tile[g * NT_GROUP_BYTES + 4 * j + i];
        sums[j] += (two & 15) * query[8 * g + i] + (two >> 4) * query[8 * g + 4 + i];
      }
  }
}

static inline void NT_NAME(block_sums)(const uint8_t *table, size_t quads, const uint8_t *cells, uint16_t *sums) {
  for (size_t j = 0; j < NT_BLOCK_VECTORS; j++) {
    const size_t v = j % 16, byte = v < 8 ? 2 * v : 2 * (v - 8) + 1, shift = j < 16 ? 0 : 4;
    uint32_t sum = 0;
    for (size_t pair = 0; pair < 4 * quads; pair++) sum += table[16 * pair + (cells[16 * pair + byte] >> shift & 15)];
    sums[j] = (uint16_t)sum;
  }
}

static inline int32_t NT_NAME(row_sum)(const int8_t *query, const uint8_t *row, size_t half) {
  int32_t sum = 0;
  for (size_t i = 0; i < half; i++) sum += (row[i] & 15) * query[i] + (row[i] >> 4) * query[half + i];
  return sum;
}

const nt_kernels *nt_scalar(void) { return &NT_NAME(kernels); }
