// NEON with the dot-product extension: two rows against a tile are 16 accumulators of four lanes. u8 codes become s8 by
// flipping the top bit, so the sums need no offset; the products are the same integers.
#include "assign_levels.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define NT_NAME(name) nt_assign_##name##_neon
#define NT_ROWS 2
#include "assign.inc"

#define NT_PARTS 8  // of four lanes, in a tile

static void NT_NAME(best_lanes)(NT_NAME(block) *block, size_t groups, const uint8_t *tiles, size_t tile_count,
                                const float *scales) {
  float32x4_t best[NT_ROWS];
  uint32x4_t where[NT_ROWS];
  for (size_t r = 0; r < NT_ROWS; r++) {
    best[r] = vdupq_n_f32(-__builtin_inff());
    where[r] = vdupq_n_u32(0);
  }
  const uint32_t counting[4] = {0, 1, 2, 3};
  const uint32x4_t iota = vld1q_u32(counting);
  const uint8x16_t top = vdupq_n_u8(0x80);
  for (size_t t = 0; t < tile_count; t++) {
    int32x4_t sums[NT_ROWS][NT_PARTS];
    for (size_t r = 0; r < NT_ROWS; r++)
      for (size_t p = 0; p < NT_PARTS; p++) sums[r][p] = vdupq_n_s32(0);
    const int32_t *codes = block->codes;
    for (size_t g = 0; g < groups; g++, tiles += NT_GROUP_BYTES, codes += NT_ROWS) {
      const int8x16_t row = vreinterpretq_s8_s32(vdupq_n_s32(codes[0]));
      const int8x16_t next = vreinterpretq_s8_s32(vdupq_n_s32(codes[1]));
#pragma clang loop unroll(full)
      for (size_t p = 0; p < NT_PARTS; p++) {
        const int8x16_t part = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(tiles + 16 * p), top));
        sums[0][p] = vdotq_s32(sums[0][p], part, row);
        sums[1][p] = vdotq_s32(sums[1][p], part, next);
      }
    }
    for (size_t r = 0; r < NT_ROWS; r++)
      for (size_t p = 0; p < NT_PARTS; p++) {
        const uint32_t lane = (uint32_t)(t * NT_TILE_VECTORS + 4 * p);
        const float32x4_t x = vmulq_f32(vcvtq_f32_s32(sums[r][p]), vld1q_f32(scales + lane));
        const uint32x4_t more = vcgtq_f32(x, best[r]);
        best[r] = vbslq_f32(more, x, best[r]);
        where[r] = vbslq_u32(more, vaddq_u32(iota, vdupq_n_u32(lane)), where[r]);
      }
  }
  for (size_t r = 0; r < NT_ROWS; r++) {
    float values[4];
    uint32_t lanes[4];
    vst1q_f32(values, best[r]);
    vst1q_u32(lanes, where[r]);
    NT_NAME(reduce)(values, lanes, 4, &block->values[r], &block->lanes[r]);
  }
}

#pragma clang attribute pop
const nt_assign_kernels *nt_assign_neon(void) { return &NT_NAME(table); }
#else
const nt_assign_kernels *nt_assign_neon(void) { return 0; }
#endif
