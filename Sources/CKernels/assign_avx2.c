// AVX2: 8 lanes of i32, four rows, half a tile at a time. Codes are widened to i16, even and odd bytes apart, and
// multiplied by vpmaddwd, which is exact (vpmaddubsw saturates); a tile's widening is shared by the rows.
#include "assign_levels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)

#define NT_NAME(name) nt_assign_##name##_avx2
#define NT_ROWS 4
#include "assign.inc"

typedef struct running_best {
  __m256 values;
  __m256i lanes;
} running_best;

static inline running_best raise(running_best best, __m256i sums, __m256 scale, __m256i lanes) {
  const __m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), scale);
  const __m256 more = _mm256_cmp_ps(x, best.values, _CMP_GT_OQ);
  best.values = _mm256_blendv_ps(best.values, x, more);
  best.lanes = _mm256_blendv_epi8(best.lanes, lanes, _mm256_castps_si256(more));
  return best;
}

static void NT_NAME(best_lanes)(NT_NAME(block) *block, size_t groups, const uint8_t *tiles, size_t tile_count,
                                const float *scales) {
  running_best best[NT_ROWS];
  for (size_t r = 0; r < NT_ROWS; r++)
    best[r] = (running_best){_mm256_set1_ps(-__builtin_inff()), _mm256_setzero_si256()};
  const __m256i iota = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), low_bytes = _mm256_set1_epi16(0x00ff);
  for (size_t half = 0; half < tile_count * 2; half++) {
    const uint8_t *tile = tiles + half / 2 * groups * NT_GROUP_BYTES + half % 2 * 64;
    __m256i first[NT_ROWS], second[NT_ROWS];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < NT_ROWS; r++) first[r] = second[r] = _mm256_set1_epi32(-block->offsets[r]);
    const int32_t *codes = block->codes;
    for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES, codes += NT_ROWS) {
      const __m256i a = _mm256_loadu_si256((const __m256i *)tile);
      const __m256i b = _mm256_loadu_si256((const __m256i *)(tile + 32));
      const __m256i a_even = _mm256_and_si256(a, low_bytes), a_odd = _mm256_srli_epi16(a, 8);
      const __m256i b_even = _mm256_and_si256(b, low_bytes), b_odd = _mm256_srli_epi16(b, 8);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < NT_ROWS; r++) {
        const __m256i row = _mm256_set1_epi32(codes[r]);
        const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(row, 8), 8), odd = _mm256_srai_epi16(row, 8);
        first[r] = _mm256_add_epi32(first[r], _mm256_madd_epi16(a_even, even));
        first[r] = _mm256_add_epi32(first[r], _mm256_madd_epi16(a_odd, odd));
        second[r] = _mm256_add_epi32(second[r], _mm256_madd_epi16(b_even, even));
        second[r] = _mm256_add_epi32(second[r], _mm256_madd_epi16(b_odd, odd));
      }
    }
    const __m256i lanes = _mm256_add_epi32(iota, _mm256_set1_epi32((int)(half * 16)));
    const __m256i next_lanes = _mm256_add_epi32(lanes, _mm256_set1_epi32(8));
    const __m256 scale = _mm256_loadu_ps(scales + half * 16), next_scale = _mm256_loadu_ps(scales + half * 16 + 8);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < NT_ROWS; r++)
      best[r] = raise(raise(best[r], first[r], scale, lanes), second[r], next_scale, next_lanes);
  }
  for (size_t r = 0; r < NT_ROWS; r++) {
    float values[8];
    uint32_t lanes[8];
    _mm256_storeu_ps(values, best[r].values);
    _mm256_storeu_si256((__m256i *)lanes, best[r].lanes);
    NT_NAME(reduce)(values, lanes, 8, &block->values[r], &block->lanes[r]);
  }
}

#pragma clang attribute pop
const nt_assign_kernels *nt_assign_avx2(void) { return &NT_NAME(table); }
#else
const nt_assign_kernels *nt_assign_avx2(void) { return 0; }
#endif
