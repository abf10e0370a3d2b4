// NEON with the dot-product extension: u8 codes become s8 by flipping the top bit, so sum(u8*s8) is the signed dot plus
// 128 * sum(query), which is added back to keep the table's meaning.
#include "kernels.h"
#include "levels.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#define NT_NAME(name) nt_##name##_neon
#define NT_LABEL "neon"
#include "common.inc"

static float NT_NAME(dot_f32)(const float *a, const float *b, size_t n) {
  float32x4_t s[8];
  for (int j = 0; j < 8; j++) s[j] = vdupq_n_f32(0);
  size_t i = 0;
  for (; i + 32 <= n; i += 32)
    for (int j = 0; j < 8; j++)
      s[j] = vaddq_f32(s[j], vmulq_f32(vld1q_f32(a + i + 4 * j), vld1q_f32(b + i + 4 * j)));
  if (i < n) {
    float x[32] = {0}, y[32] = {0};
    __builtin_memcpy(x, a + i, (n - i) * sizeof(float));
    __builtin_memcpy(y, b + i, (n - i) * sizeof(float));
    for (int j = 0; j < 8; j++) s[j] = vaddq_f32(s[j], vmulq_f32(vld1q_f32(x + 4 * j), vld1q_f32(y + 4 * j)));
  }
  for (int width = 4; width; width /= 2)
    for (int j = 0; j < width; j++) s[j] = vaddq_f32(s[j], s[j + width]);
  const float32x2_t two = vadd_f32(vget_low_f32(s[0]), vget_high_f32(s[0]));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

static void NT_NAME(tile_sums)(const int8_t *query, size_t groups, const uint8_t *tile, const uint8_t *ahead,
                               int32_t *sums) {
  int32x4_t s[8], total = vdupq_n_s32(0);
  const uint8x16_t top = vdupq_n_u8(0x80);
  for (int j = 0; j < 8; j++) s[j] = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES, ahead += NT_GROUP_BYTES) {
    int32_t four;
    __builtin_memcpy(&four, query + 4 * g, sizeof four);
    const int8x16_t q = vreinterpretq_s8_s32(vdupq_n_s32(four));
    __builtin_prefetch(ahead, 0, 3);
    __builtin_prefetch(ahead + 64, 0, 3);
    total = vdotq_s32(total, q, vdupq_n_s8(1));
    for (int j = 0; j < 8; j++)
      s[j] = vdotq_s32(s[j], vreinterpretq_s8_u8(veorq_u8(vld1q_u8(tile + 16 * j), top)), q);
  }
  const int32x4_t offset = vshlq_n_s32(total, 7);
  for (int j = 0; j < 8; j++) vst1q_s32(sums + 4 * j, vaddq_s32(s[j], offset));
}

static inline void NT_NAME(tile_sums_u4)(const int8_t *query, size_t groups, const uint8_t *tile, int32_t *sums) {
  int32x4_t s[8];
  for (int j = 0; j < 8; j++) s[j] = vdupq_n_s32(0);
  for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES) {
    int32_t near, far;
    __builtin_memcpy(&near, query + 8 * g, sizeof near);
    __builtin_memcpy(&far, query + 8 * g + 4, sizeof far);
    const int8x16_t a = vreinterpretq_s8_s32(vdupq_n_s32(near)), b = vreinterpretq_s8_s32(vdupq_n_s32(far));
    for (int j = 0; j < 8; j++) {
      const uint8x16_t codes = vld1q_u8(tile + 16 * j);
      s[j] = vdotq_s32(s[j], vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15))), a);
      s[j] = vdotq_s32(s[j], vreinterpretq_s8_u8(vshrq_n_u8(codes, 4)), b);
    }
  }
  for (int j = 0; j < 8; j++) vst1q_s32(sums + 4 * j, s[j]);
}

// Even and odd bytes of a look-up add up apart in u16 lanes: the even sums carry 256 times the odd ones until the end.
static inline void NT_NAME(block_sums)(const uint8_t *table, size_t quads, const uint8_t *cells, uint16_t *sums) {
  uint16x8_t s0 = vdupq_n_u16(0), s1 = s0, s2 = s0, s3 = s0;
  for (size_t pair = 0; pair < 4 * quads; pair++) {
    const uint8x16_t codes = vld1q_u8(cells + 16 * pair), t = vld1q_u8(table + 16 * pair);
    const uint16x8_t a = vreinterpretq_u16_u8(vqtbl1q_u8(t, vandq_u8(codes, vdupq_n_u8(15))));
    const uint16x8_t b = vreinterpretq_u16_u8(vqtbl1q_u8(t, vshrq_n_u8(codes, 4)));
    s0 = vaddq_u16(s0, a);
    s1 = vaddq_u16(s1, vshrq_n_u16(a, 8));
    s2 = vaddq_u16(s2, b);
    s3 = vaddq_u16(s3, vshrq_n_u16(b, 8));
  }
  vst1q_u16(sums, vsubq_u16(s0, vshlq_n_u16(s1, 8)));
  vst1q_u16(sums + 8, s1);
  vst1q_u16(sums + 16, vsubq_u16(s2, vshlq_n_u16(s3, 8)));
  vst1q_u16(sums + 24, s3);
}

static inline int32_t NT_NAME(row_sum)(const int8_t *query, const uint8_t *row, size_t half) {
  int32x4_t sum = vdupq_n_s32(0);
  size_t i = 0;
  for (; i + 16 <= half; i += 16) {
    const uint8x16_t codes = vld1q_u8(row + i);
    sum = vdotq_s32(sum, vreinterpretq_s8_u8(vandq_u8(codes, vdupq_n_u8(15))), vld1q_s8(query + i));
    sum = vdotq_s32(sum, vreinterpretq_s8_u8(vshrq_n_u8(codes, 4)), vld1q_s8(query + half + i));
  }
  int32_t total = vaddvq_s32(sum);
  for (; i < half; i++) total += (row[i] & 15) * query[i] + (row[i] >> 4) * query[half + i];
  return total;
}

#pragma clang attribute pop
const nt_kernels *nt_neon(void) { return &NT_NAME(kernels); }
#else
const nt_kernels *nt_neon(void) { return 0; }
#endif
