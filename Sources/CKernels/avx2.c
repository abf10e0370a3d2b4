// AVX2: 8 i32 lanes. vpmaddubsw would saturate (255 * 127 * 2 > 32767), so codes are widened to i16 by mask and shift
// (even and odd bytes apart) and multiplied by vpmaddwd, which is exact.
#include "kernels.h"
#include "levels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)

#define NT_NAME(name) nt_##name##_avx2
#define NT_LABEL "avx2"
#include "common.inc"

static float NT_NAME(dot_f32)(const float *a, const float *b, size_t n) {
  __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 = _mm256_add_ps(s0, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    s1 = _mm256_add_ps(s1, _mm256_mul_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8)));
    s2 = _mm256_add_ps(s2, _mm256_mul_ps(_mm256_loadu_ps(a + i + 16), _mm256_loadu_ps(b + i + 16)));
    s3 = _mm256_add_ps(s3, _mm256_mul_ps(_mm256_loadu_ps(a + i + 24), _mm256_loadu_ps(b + i + 24)));
  }
  if (i < n) {
    // The tail goes through zero-filled copies: adding +0 changes no sum, and nothing past the rows is read.
    float x[32] = {0}, y[32] = {0};
    __builtin_memcpy(x, a + i, (n - i) * sizeof(float));
    __builtin_memcpy(y, b + i, (n - i) * sizeof(float));
    s0 = _mm256_add_ps(s0, _mm256_mul_ps(_mm256_loadu_ps(x), _mm256_loadu_ps(y)));
    s1 = _mm256_add_ps(s1, _mm256_mul_ps(_mm256_loadu_ps(x + 8), _mm256_loadu_ps(y + 8)));
    s2 = _mm256_add_ps(s2, _mm256_mul_ps(_mm256_loadu_ps(x + 16), _mm256_loadu_ps(y + 16)));
    s3 = _mm256_add_ps(s3, _mm256_mul_ps(_mm256_loadu_ps(x + 24), _mm256_loadu_ps(y + 24)));
  }
  const __m256 eight = _mm256_add_ps(_mm256_add_ps(s0, s2), _mm256_add_ps(s1, s3));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  four = _mm_add_ss(four, _mm_movehdup_ps(four));
  return _mm_cvtss_f32(four);
}

static void NT_NAME(tile_sums)(const int8_t *query, size_t groups, const uint8_t *tile, const uint8_t *ahead,
                               int32_t *sums) {
  __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
  const __m256i low = _mm256_set1_epi16(0x00ff);
  for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES, ahead += NT_GROUP_BYTES) {
    int32_t four;
    __builtin_memcpy(&four, query + 4 * g, sizeof four);
    const __m256i q = _mm256_set1_epi32(four);
    const __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8), odd = _mm256_srai_epi16(q, 8);
    __builtin_prefetch(ahead, 0, 3);
    __builtin_prefetch(ahead + 64, 0, 3);
#define NT_STEP(sum, at)                                                                      \
  do {                                                                                        \
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(tile + at));                   \
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_and_si256(codes, low), even));       \
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), odd));         \
  } while (0)
    NT_STEP(s0, 0);
    NT_STEP(s1, 32);
    NT_STEP(s2, 64);
    NT_STEP(s3, 96);
#undef NT_STEP
  }
  _mm256_storeu_si256((__m256i *)sums, s0);
  _mm256_storeu_si256((__m256i *)(sums + 8), s1);
  _mm256_storeu_si256((__m256i *)(sums + 16), s2);
  _mm256_storeu_si256((__m256i *)(sums + 24), s3);
}

// vpmaddubsw is exact here: 2 * 15 * 127 is far below 32767, and so is the sum of two.
static inline void NT_NAME(tile_sums_u4)(const int8_t *query, size_t groups, const uint8_t *tile, int32_t *sums) {
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256i s[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES) {
    int32_t near, far;
    __builtin_memcpy(&near, query + 8 * g, sizeof near);
    __builtin_memcpy(&far, query + 8 * g + 4, sizeof far);
    const __m256i a = _mm256_set1_epi32(near), b = _mm256_set1_epi32(far);
    for (size_t i = 0; i < 4; i++) {
      const __m256i codes = _mm256_loadu_si256((const __m256i *)(tile + 32 * i));
      const __m256i x = _mm256_maddubs_epi16(_mm256_and_si256(codes, low), a);
      const __m256i y = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(codes, 4), low), b);
      s[i] = _mm256_add_epi32(s[i], _mm256_madd_epi16(_mm256_add_epi16(x, y), ones));
    }
  }
  for (size_t i = 0; i < 4; i++) _mm256_storeu_si256((__m256i *)(sums + 8 * i), s[i]);
}

// Even and odd bytes of a look-up add up apart in u16 lanes: the even sums carry 256 times the odd ones until the end.
static inline void NT_NAME(block_sums)(const uint8_t *table, size_t quads, const uint8_t *cells, uint16_t *sums) {
  const __m256i low = _mm256_set1_epi8(15);
  __m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;
  for (size_t i = 0; i < 2 * quads; i++) {
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(cells + 32 * i));
    const __m256i t = _mm256_loadu_si256((const __m256i *)(table + 32 * i));
    const __m256i a = _mm256_shuffle_epi8(t, _mm256_and_si256(codes, low));
    const __m256i b = _mm256_shuffle_epi8(t, _mm256_and_si256(_mm256_srli_epi16(codes, 4), low));
    s0 = _mm256_add_epi16(s0, a);
    s1 = _mm256_add_epi16(s1, _mm256_srli_epi16(a, 8));
    s2 = _mm256_add_epi16(s2, b);
    s3 = _mm256_add_epi16(s3, _mm256_srli_epi16(b, 8));
  }
  s0 = _mm256_sub_epi16(s0, _mm256_slli_epi16(s1, 8));
  s2 = _mm256_sub_epi16(s2, _mm256_slli_epi16(s3, 8));
#define NT_FOLD(sum) _mm_add_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1))
  _mm_storeu_si128((__m128i *)sums, NT_FOLD(s0));
  _mm_storeu_si128((__m128i *)(sums + 8), NT_FOLD(s1));
  _mm_storeu_si128((__m128i *)(sums + 16), NT_FOLD(s2));
  _mm_storeu_si128((__m128i *)(sums + 24), NT_FOLD(s3));
#undef NT_FOLD
}

// vpmaddubsw is exact here: 2 * 15 * 127 is far below 32767.
static inline int32_t NT_NAME(row_sum)(const int8_t *query, const uint8_t *row, size_t half) {
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256i sum = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= half; i += 32) {
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(row + i));
    const __m256i a = _mm256_and_si256(codes, low), b = _mm256_and_si256(_mm256_srli_epi16(codes, 4), low);
    const __m256i x = _mm256_maddubs_epi16(a, _mm256_loadu_si256((const __m256i *)(query + i)));
    const __m256i y = _mm256_maddubs_epi16(b, _mm256_loadu_si256((const __m256i *)(query + half + i)));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(x, y), ones));
  }
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  int32_t total = _mm_cvtsi128_si32(four);
  for (; i < half; i++) total += (row[i] & 15) * query[i] + (row[i] >> 4) * query[half + i];
  return total;
}

#pragma clang attribute pop
const nt_kernels *nt_avx2(void) { return &NT_NAME(kernels); }
#else
const nt_kernels *nt_avx2(void) { return 0; }
#endif
