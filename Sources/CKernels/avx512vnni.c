// AVX-512 with VNNI: one vpdpbusd is 16 vectors by four dimensions, exact in i32 (no saturation in this form).
#include "kernels.h"
#include "levels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,bmi,bmi2"))), apply_to = function)

#define NT_NAME(name) nt_##name##_avx512vnni
#define NT_LABEL "avx512vnni"
#define NT_EMITS
#define NT_RANKS
#define NT_SELECTS
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

static inline void NT_NAME(tile_sums_u4)(const int8_t *query, size_t groups, const uint8_t *tile, int32_t *sums) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i a0 = _mm512_setzero_si512(), a1 = a0, b0 = a0, b1 = a0;
  for (size_t g = 0; g < groups; g++, tile += NT_GROUP_BYTES) {
    int32_t near, far;
    __builtin_memcpy(&near, query + 8 * g, sizeof near);
    __builtin_memcpy(&far, query + 8 * g + 4, sizeof far);
    const __m512i q0 = _mm512_set1_epi32(near), q1 = _mm512_set1_epi32(far);
    const __m512i x = _mm512_loadu_si512(tile), y = _mm512_loadu_si512(tile + 64);
    a0 = _mm512_dpbusd_epi32(a0, _mm512_and_si512(x, low), q0);
    a1 = _mm512_dpbusd_epi32(a1, _mm512_and_si512(y, low), q0);
    b0 = _mm512_dpbusd_epi32(b0, _mm512_and_si512(_mm512_srli_epi16(x, 4), low), q1);
    b1 = _mm512_dpbusd_epi32(b1, _mm512_and_si512(_mm512_srli_epi16(y, 4), low), q1);
  }
  _mm512_storeu_si512(sums, _mm512_add_epi32(a0, b0));
  _mm512_storeu_si512(sums + 16, _mm512_add_epi32(a1, b1));
}

// Even and odd bytes of a look-up add up apart in u16 lanes: the even sums carry 256 times the odd ones until the end.
static inline void NT_NAME(block_sums)(const uint8_t *table, size_t quads, const uint8_t *cells, uint16_t *sums) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
  for (size_t i = 0; i < quads; i++) {
    const __m512i codes = _mm512_loadu_si512(cells + 64 * i), t = _mm512_loadu_si512(table + 64 * i);
    const __m512i a = _mm512_shuffle_epi8(t, _mm512_and_si512(codes, low));
    const __m512i b = _mm512_shuffle_epi8(t, _mm512_and_si512(_mm512_srli_epi16(codes, 4), low));
    s0 = _mm512_add_epi16(s0, a);
    s1 = _mm512_add_epi16(s1, _mm512_srli_epi16(a, 8));
    s2 = _mm512_add_epi16(s2, b);
    s3 = _mm512_add_epi16(s3, _mm512_srli_epi16(b, 8));
  }
  s0 = _mm512_sub_epi16(s0, _mm512_slli_epi16(s1, 8));
  s2 = _mm512_sub_epi16(s2, _mm512_slli_epi16(s3, 8));
  // Four 128-bit lanes of each become one, all four sums at once.
  const __m512i x = _mm512_add_epi16(_mm512_shuffle_i64x2(s0, s1, 0x44), _mm512_shuffle_i64x2(s0, s1, 0xee));
  const __m512i y = _mm512_add_epi16(_mm512_shuffle_i64x2(s2, s3, 0x44), _mm512_shuffle_i64x2(s2, s3, 0xee));
  _mm512_storeu_si512(
      sums, _mm512_add_epi16(_mm512_shuffle_i64x2(x, y, 0x88), _mm512_shuffle_i64x2(x, y, 0xdd)));
}

static inline int32_t NT_NAME(row_sum)(const int8_t *query, const uint8_t *row, size_t half) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i sum = _mm512_setzero_si512();
  for (size_t i = 0; i < half; i += 64) {
    const __mmask64 m = half - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (half - i)) - 1;
    const __m512i codes = _mm512_maskz_loadu_epi8(m, row + i);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(codes, low), _mm512_maskz_loadu_epi8(m, query + i));
    sum = _mm512_dpbusd_epi32(
        sum, _mm512_and_si512(_mm512_srli_epi16(codes, 4), low), _mm512_maskz_loadu_epi8(m, query + half + i));
  }
  return _mm512_reduce_add_epi32(sum);
}

static inline uint32_t NT_NAME(above)(const float *scores, float threshold) {
  const __m512 t = _mm512_set1_ps(threshold);
  return (uint32_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores), t, _CMP_GT_OQ) |
         (uint32_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(scores + 16), t, _CMP_GT_OQ) << 16;
}

// vpcompressq to a register and a full store: to memory it is many times slower on Zen 4.
static inline size_t NT_NAME(emit)(const float *scores, uint32_t mask, uint32_t first, uint64_t *keys) {
  const __m512i iota = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  size_t found = 0;
  for (uint32_t h = 0; h < 2; h++) {
    const uint32_t m = mask >> (16 * h) & 0xffff;
    if (!m) continue;
    const __m512i x = _mm512_castps_si512(_mm512_add_ps(_mm512_loadu_ps(scores + 16 * h), _mm512_setzero_ps()));
    const __m512i flip = _mm512_or_si512(_mm512_srai_epi32(x, 31), _mm512_set1_epi32((int)0x80000000));
    const __m512i ordered = _mm512_xor_si512(x, flip);
    const __m512i ids = _mm512_sub_epi32(_mm512_set1_epi32((int)~(first + 16 * h)), iota);
    const __m512i low = _mm512_or_si512(
        _mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm512_castsi512_si256(ordered)), 32),
        _mm512_cvtepu32_epi64(_mm512_castsi512_si256(ids)));
    const __m512i high = _mm512_or_si512(
        _mm512_slli_epi64(_mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(ordered, 1)), 32),
        _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(ids, 1)));
    _mm512_storeu_si512(keys + found, _mm512_maskz_compress_epi64((__mmask8)m, low));
    found += (size_t)__builtin_popcount(m & 0xff);
    _mm512_storeu_si512(keys + found, _mm512_maskz_compress_epi64((__mmask8)(m >> 8), high));
    found += (size_t)__builtin_popcount(m >> 8);
  }
  return found;
}

static size_t NT_NAME(rank_blocks)(const uint32_t *first, const uint64_t *lists, size_t list_count, const float *dots,
                                   const float *gains, const float *widths, float reach, float least, uint64_t *keys) {
  const __m512 z = _mm512_set1_ps(reach), t = _mm512_set1_ps(least);
  size_t found = 0;
  for (size_t i = 0; i < list_count; i++) {
    const uint32_t list = nt_key_id(lists[i]), end = first[list + 1];
    if (i + 8 < list_count) {
      const uint32_t next = first[nt_key_id(lists[i + 8])];
      __builtin_prefetch(gains + next, 0, 3);
      __builtin_prefetch(widths + next, 0, 3);
    }
    const __m512 dot = _mm512_set1_ps(dots[list]);
    for (uint32_t block = first[list]; block < end; block += 16) {
      const __mmask16 real = end - block >= 16 ? 0xffff : (__mmask16)((1u << (end - block)) - 1);
      const __m512 bounds = _mm512_add_ps(
          _mm512_mul_ps(_mm512_maskz_loadu_ps(real, gains + block), dot),
          _mm512_mul_ps(z, _mm512_maskz_loadu_ps(real, widths + block)));
      const uint32_t mask = _mm512_mask_cmp_ps_mask(real, bounds, t, _CMP_GE_OQ);
      if (!mask) continue;
      float scores[32] __attribute__((aligned(64)));
      _mm512_store_ps(scores, bounds);
      found += NT_NAME(emit)(scores, mask, block, keys + found);
    }
  }
  return found;
}

// The pivot that a sample of sixteen ranks a little below `keep` of `count`.
static uint64_t pivot(const uint64_t *keys, size_t count, size_t keep) {
  uint64_t sample[16];
  for (size_t i = 0; i < 16; i++) sample[i] = keys[i * count / 16];
  const __m512i a = _mm512_loadu_si512(sample), b = _mm512_loadu_si512(sample + 8);
  const size_t wanted = keep * 16 / count + 1;
  const int rank = wanted < 15 ? (int)wanted : 15;
  for (size_t i = 0; i < 16; i++) {
    const __m512i one = _mm512_set1_epi64((long long)sample[i]);
    const int larger = __builtin_popcount((unsigned)_mm512_cmpgt_epu64_mask(a, one)) +
                       __builtin_popcount((unsigned)_mm512_cmpgt_epu64_mask(b, one));
    if (larger == rank) return sample[i];
  }
  return sample[0];
}

static size_t at_least(const uint64_t *keys, size_t count, uint64_t least) {
  const __m512i t = _mm512_set1_epi64((long long)least);
  size_t found = 0, i = 0;
  for (; i + 8 <= count; i += 8)
    found += (size_t)__builtin_popcount((unsigned)_mm512_cmpge_epu64_mask(_mm512_loadu_si512(keys + i), t));
  const __mmask8 real = (__mmask8)((1u << (count - i)) - 1);
  return found + (size_t)__builtin_popcount(
                     (unsigned)_mm512_mask_cmpge_epu64_mask(real, _mm512_maskz_loadu_epi64(real, keys + i), t));
}

// The keep-th largest of keys that differ, or a number between it and the next: by interpolation, with the weight of an end
// that stays halved (the Illinois rule), since scores have tails; and by halving where even that is slow. 0 < keep < count.
static uint64_t threshold_of(const uint64_t *keys, size_t count, size_t keep) {
  __m512i least = _mm512_set1_epi64(-1), most = _mm512_setzero_si512();
  for (size_t i = 0; i < count; i += 8) {
    const __mmask8 real = count - i >= 8 ? 0xff : (__mmask8)((1u << (count - i)) - 1);
    const __m512i v = _mm512_maskz_loadu_epi64(real, keys + i);
    least = _mm512_mask_min_epu64(least, real, least, v);
    most = _mm512_max_epu64(most, v);
  }
  // At least `low` are all, at least `high` at most one.
  uint64_t low = _mm512_reduce_min_epu64(least), high = _mm512_reduce_max_epu64(most);
  if (keep == 1) return high;
  double below = (double)(count - keep), above = (double)(keep - 1);
  int side = 0;
  for (int round = 0;; round++) {
    const uint64_t range = high - low;
    if (range <= 1) return high;  // only if keys are equal, which they are not
    uint64_t step = round % 8 == 7 ? range / 2 : (uint64_t)((double)range * (below / (below + above)));
    step = step ? step : 1;
    step = step < range ? step : range - 1;
    const uint64_t guess = low + step;
    const size_t found = at_least(keys, count, guess);
    if (found == keep) return guess;
    if (found > keep) {
      low = guess;
      below = (double)(found - keep);
      above = side > 0 ? above / 2 : above;
      side = 1;
    } else {
      high = guess;
      above = (double)(keep - found);
      below = side < 0 ? below / 2 : below;
      side = -1;
    }
  }
}

// Keys of at least `least` to the front, the others to spare.
static size_t part(uint64_t *keys, size_t count, uint64_t least, uint64_t *spare) {
  const __m512i p = _mm512_set1_epi64((long long)least);
  size_t front = 0, back = 0;
  for (size_t i = 0; i < count; i += 8) {
    const __mmask8 real = count - i >= 8 ? 0xff : (__mmask8)((1u << (count - i)) - 1);
    const __m512i v = _mm512_maskz_loadu_epi64(real, keys + i);
    const __mmask8 large = _mm512_mask_cmpge_epu64_mask(real, v, p), small = (__mmask8)(real & ~large);
    _mm512_storeu_si512(keys + front, _mm512_maskz_compress_epi64(large, v));
    _mm512_storeu_si512(spare + back, _mm512_maskz_compress_epi64(small, v));
    front += (size_t)__builtin_popcount(large);
    back += (size_t)__builtin_popcount(small);
  }
  return front;
}

static void NT_NAME(select_keys)(uint64_t *keys, size_t count, size_t keep, uint64_t *spare) {
  if (!keep || keep >= count) return;
  // Large ones are cut down by a sample first; a sample that cuts too much costs a look at the rest.
  for (int pass = 0; count > 192 && count > 2 * keep && pass < 8; pass++) {
    const uint64_t least = pivot(keys, count, keep);
    if (at_least(keys, count, least) < keep) break;
    count = part(keys, count, least, spare);
  }
  if (keep < count) NT_NAME(split_keys)(keys, count, keep, spare);
}

static void NT_NAME(split_keys)(uint64_t *keys, size_t count, size_t keep, uint64_t *spare) {
  if (!keep || keep >= count) return;
  const size_t front = part(keys, count, threshold_of(keys, count, keep), spare);
  __builtin_memcpy(keys + front, spare, (count - front) * sizeof *keys);
}

// Bitonic sort (Batcher, 1968) of whole vectors, largest first; a power of two of them, at most sixteen. Lane i of the
// sequence goes up or down by bit `size` of i; partners differ in bit `distance`.
static void sort_vectors(__m512i *v, size_t vectors) {
  const __m512i lane = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  for (size_t size = 2; size <= 8 * vectors; size *= 2)
    for (size_t distance = size / 2; distance; distance /= 2) {
      if (distance >= 8) {
        for (size_t i = 0; i < vectors; i++) {
          const size_t other = i ^ (distance / 8);
          if (other < i) continue;
          const __m512i most = _mm512_max_epu64(v[i], v[other]), least = _mm512_min_epu64(v[i], v[other]);
          const int falls = !(8 * i & size);
          v[i] = falls ? most : least;
          v[other] = falls ? least : most;
        }
        continue;
      }
      const __mmask8 second = _mm512_test_epi64_mask(lane, _mm512_set1_epi64((long long)distance));
      for (size_t i = 0; i < vectors; i++) {
        const __mmask8 rises =
            size < 8 ? _mm512_test_epi64_mask(lane, _mm512_set1_epi64((long long)size)) : 8 * i & size ? 0xff : 0;
        const __m512i partner = distance == 1   ? _mm512_permutex_epi64(v[i], 0xb1)
                                : distance == 2 ? _mm512_permutex_epi64(v[i], 0x4e)
                                                : _mm512_shuffle_i64x2(v[i], v[i], 0x4e);
        v[i] = _mm512_mask_min_epu64(_mm512_max_epu64(v[i], partner), second ^ rises, v[i], partner);
      }
    }
}

static void NT_NAME(sort_keys)(uint64_t *keys, size_t count, uint64_t *spare) {
  enum { whole = 128 };
  __m512i v[whole / 8];
  while (count > 1) {
    const size_t part = count < whole ? count : whole;
    if (count > whole) NT_NAME(split_keys)(keys, count, whole, spare);
    size_t vectors = 1;
    while (8 * vectors < part) vectors *= 2;
    // Zero is less than any key of a finite score.
    for (size_t i = 0; i < vectors; i++) {
      const size_t left = part > 8 * i ? part - 8 * i : 0;
      v[i] = _mm512_maskz_loadu_epi64(left >= 8 ? 0xff : (__mmask8)((1u << left) - 1), keys + 8 * i);
    }
    sort_vectors(v, vectors);
    for (size_t i = 0; 8 * i < part; i++)
      _mm512_mask_storeu_epi64(keys + 8 * i, part - 8 * i >= 8 ? 0xff : (__mmask8)((1u << (part - 8 * i)) - 1), v[i]);
    keys += part;
    count -= part;
  }
}

#pragma clang attribute pop
const nt_kernels *nt_avx512vnni(void) { return &NT_NAME(kernels); }
#else
const nt_kernels *nt_avx512vnni(void) { return 0; }
#endif
