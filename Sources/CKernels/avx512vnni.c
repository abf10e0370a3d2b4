// AVX-512 with VNNI: one vpdpbusd is 16 vectors by four dimensions, exact in i32 (no saturation in this form).
#include "kernels.h"
#include "levels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi,bmi2"))), apply_to = function)

#define NT_NAME(name) nt_##name##_avx512vnni
#define NT_LABEL "avx512vnni"
#include "common.inc"

static float NT_NAME(dot_f32)(const float *a, const float *b, size_t n) {
  __m512 s0 = _mm512_setzero_ps(), s1 = s0;
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    s0 = _mm512_add_ps(s0, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    s1 = _mm512_add_ps(s1, _mm512_mul_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16)));
  }
  if (i < n) {
    const size_t left = n - i;
    const __mmask16 first = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
    const __mmask16 second = left > 16 ? (__mmask16)((1u << (left - 16)) - 1) : 0;
    s0 = _mm512_add_ps(s0, _mm512_mul_ps(_mm512_maskz_loadu_ps(first, a + i), _mm512_maskz_loadu_ps(first, b + i)));
    s1 = _mm512_add_ps(
        s1, _mm512_mul_ps(_mm512_maskz_loadu_ps(second, a + i + 16), _mm512_maskz_loadu_ps(second, b + i + 16)));
  }
  const __m512 sixteen = _mm512_add_ps(s0, s1);
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sixteen), _mm512_extractf32x8_ps(sixteen, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  four = _mm_add_ss(four, _mm_movehdup_ps(four));
  return _mm_cvtss_f32(four);
}

static void NT_NAME(tile_sums)(const int8_t *query, size_t groups, const uint8_t *tile, const uint8_t *ahead,
                               int32_t *sums) {
  // Four accumulators: vpdpbusd has a latency of four to five cycles and a throughput of one.
  __m512i a0 = _mm512_setzero_si512(), a1 = a0, b0 = a0, b1 = a0;
  size_t g = 0;
  int32_t four;
  for (; g + 2 <= groups; g += 2, tile += 2 * NT_GROUP_BYTES, ahead += 2 * NT_GROUP_BYTES) {
    __builtin_memcpy(&four, query + 4 * g, sizeof four);
    const __m512i q0 = _mm512_set1_epi32(four);
    __builtin_memcpy(&four, query + 4 * g + 4, sizeof four);
    const __m512i q1 = _mm512_set1_epi32(four);
    __builtin_prefetch(ahead, 0, 3);
    __builtin_prefetch(ahead + 64, 0, 3);
    __builtin_prefetch(ahead + 128, 0, 3);
    __builtin_prefetch(ahead + 192, 0, 3);
    a0 = _mm512_dpbusd_epi32(a0, _mm512_loadu_si512(tile), q0);
    a1 = _mm512_dpbusd_epi32(a1, _mm512_loadu_si512(tile + 64), q0);
    b0 = _mm512_dpbusd_epi32(b0, _mm512_loadu_si512(tile + 128), q1);
    b1 = _mm512_dpbusd_epi32(b1, _mm512_loadu_si512(tile + 192), q1);
  }
  if (g < groups) {
    __builtin_memcpy(&four, query + 4 * g, sizeof four);
    const __m512i q0 = _mm512_set1_epi32(four);
    a0 = _mm512_dpbusd_epi32(a0, _mm512_loadu_si512(tile), q0);
    a1 = _mm512_dpbusd_epi32(a1, _mm512_loadu_si512(tile + 64), q0);
  }
  _mm512_storeu_si512(sums, _mm512_add_epi32(a0, b0));
  _mm512_storeu_si512(sums + 16, _mm512_add_epi32(a1, b1));
}

#pragma clang attribute pop
const nt_kernels *nt_avx512vnni(void) { return &NT_NAME(table); }
#else
const nt_kernels *nt_avx512vnni(void) { return 0; }
#endif
