// AVX-512 with VNNI: 12 rows against a tile are 24 accumulators; the tile's two halves and one broadcast bring it to 27
// of 32 registers, so each load of a tile feeds 12 vpdpbusd.
#include "assign_levels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi,bmi2"))), apply_to = function)

#define NT_NAME(name) nt_assign_##name##_avx512vnni
#define NT_ROWS 12
#include "assign.inc"

static void NT_NAME(best_lanes)(NT_NAME(block) *block, size_t groups, const uint8_t *tiles, size_t tile_count,
                                const float *scales) {
  __m512 best[NT_ROWS];
  __m512i where[NT_ROWS];
  for (size_t r = 0; r < NT_ROWS; r++) {
    best[r] = _mm512_set1_ps(-__builtin_inff());
    where[r] = _mm512_setzero_si512();
  }
  const __m512i iota = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (size_t t = 0; t < tile_count; t++) {
    __m512i low[NT_ROWS], high[NT_ROWS];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < NT_ROWS; r++)
      low[r] = high[r] = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(block->offsets[r]));
    const int32_t *codes = block->codes;
    for (size_t g = 0; g < groups; g++, tiles += NT_GROUP_BYTES, codes += NT_ROWS) {
      const __m512i first = _mm512_loadu_si512(tiles), second = _mm512_loadu_si512(tiles + 64);
#pragma clang loop unroll(full)
      for (size_t r = 0; r < NT_ROWS; r++) {
        const __m512i row = _mm512_set1_epi32(codes[r]);
        low[r] = _mm512_dpbusd_epi32(low[r], first, row);
        high[r] = _mm512_dpbusd_epi32(high[r], second, row);
      }
    }
    const __m512 low_scale = _mm512_loadu_ps(scales + t * NT_TILE_VECTORS);
    const __m512 high_scale = _mm512_loadu_ps(scales + t * NT_TILE_VECTORS + 16);
    const __m512i low_lane = _mm512_add_epi32(iota, _mm512_set1_epi32((int)(t * NT_TILE_VECTORS)));
    const __m512i high_lane = _mm512_add_epi32(low_lane, _mm512_set1_epi32(16));
#pragma clang loop unroll(full)
    for (size_t r = 0; r < NT_ROWS; r++) {
      // An ordered comparison: NaN never wins.
      const __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(low[r]), low_scale);
      const __mmask16 more = _mm512_cmp_ps_mask(x, best[r], _CMP_GT_OQ);
      const __m512 b = _mm512_mask_mov_ps(best[r], more, x);
      const __m512i w = _mm512_mask_mov_epi32(where[r], more, low_lane);
      const __m512 y = _mm512_mul_ps(_mm512_cvtepi32_ps(high[r]), high_scale);
      const __mmask16 higher = _mm512_cmp_ps_mask(y, b, _CMP_GT_OQ);
      best[r] = _mm512_mask_mov_ps(b, higher, y);
      where[r] = _mm512_mask_mov_epi32(w, higher, high_lane);
    }
  }
  for (size_t r = 0; r < NT_ROWS; r++) {
    float values[16];
    uint32_t lanes[16];
    _mm512_storeu_ps(values, best[r]);
    _mm512_storeu_si512(lanes, where[r]);
    NT_NAME(reduce)(values, lanes, 16, &block->values[r], &block->lanes[r]);
  }
}

#pragma clang attribute pop
const nt_assign_kernels *nt_assign_avx512vnni(void) { return &NT_NAME(table); }
#else
const nt_assign_kernels *nt_assign_avx512vnni(void) { return 0; }
#endif
