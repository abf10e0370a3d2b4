// Small loops of the build that need no dispatch but do need an optimiser: debug builds of the package compile C with -O3
// and Swift without.
#include "kernels.h"

#pragma STDC FP_CONTRACT OFF

void nt_add_scaled(float *sum, const float *x, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) sum[i] += x[i] * scale;
}

void nt_scale(const float *x, float scale, size_t n, float *out) {
  for (size_t i = 0; i < n; i++) out[i] = x[i] * scale;
}

void nt_pack(const int8_t *codes, size_t groups, size_t lane, uint8_t *tile) {
  for (size_t g = 0; g < groups; g++) {
    uint32_t four;
    __builtin_memcpy(&four, codes + 4 * g, sizeof four);
    four ^= 0x80808080u;  // s8 + 128, four at a time
    __builtin_memcpy(tile + g * NT_GROUP_BYTES + 4 * lane, &four, sizeof four);
  }
}

uint32_t nt_allowed_mask(const uint64_t *words, const uint32_t *items, size_t count) {
  uint32_t mask = 0;
  for (size_t j = 0; j < count; j++)
    mask |= (uint32_t)(words[items[j] >> 6] >> (items[j] & 63) & 1) << j;
  return mask;
}

static float code_u4(const float *x, size_t n, float step, uint8_t *codes) {
  const float inverse = 1 / step;
  float lost = 0;
  for (size_t i = 0; i < n; i++) {
    float v = x[i] * inverse + 8.0f;
    v = v > 0.0f ? v : 0.0f;
    v = v < 15.0f ? v : 15.0f;
    codes[i] = (uint8_t)(int32_t)v;
    const float miss = x[i] - ((float)codes[i] - 7.5f) * step;
    lost += miss * miss;
  }
  return lost;
}

float nt_quantize_u4(const float *x, size_t padded, uint8_t *codes) {
  float largest = 0;
  for (size_t i = 0; i < padded; i++) {
    const float value = __builtin_fabsf(x[i]);
    largest = value > largest ? value : largest;
  }
  if (largest < 1e-30f) {
    for (size_t i = 0; i < padded; i++) codes[i] = 8;
    return 0;
  }
  // Cutting off the largest values pays, as long as few are.
  static const float shares[] = {1.0f, 0.9f, 0.8f, 0.7f, 0.6f};
  float best = __builtin_inff(), step = 0;
  for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
    const float lost = code_u4(x, padded, largest * shares[s] / 8, codes);
    if (lost < best) {
      best = lost;
      step = largest * shares[s] / 8;
    }
  }
  code_u4(x, padded, step, codes);
  return step / 2;
}

void nt_pack_u4(const uint8_t *codes, size_t padded, size_t lane, uint8_t *tile) {
  for (size_t g = 0; g < padded / 8; g++)
    for (size_t i = 0; i < 4; i++)
      tile[g * NT_GROUP_BYTES + 4 * lane + i] = (uint8_t)(codes[8 * g + i] | codes[8 * g + 4 + i] << 4);
}

void nt_code_u6(const float *x, size_t padded, float inverse, uint8_t *codes) {
  for (size_t i = 0; i < padded; i++) {
    // Four cells of sixteen steps around zero; what lies outside goes into the outermost step.
    float v = (x[i] * inverse + 2.0f) * 16.0f;
    v = v > 0.0f ? v : 0.0f;
    v = v < 63.0f ? v : 63.0f;
    codes[i] = (uint8_t)(int32_t)v;
  }
}

void nt_pack_u6(const uint8_t *codes, size_t padded, size_t lane, uint8_t *cells, uint8_t *row) {
  // Vector v of a block stands in byte P^-1(v % 16), in the high nibble from 16 on.
  const size_t v = lane % 16, byte = v < 8 ? 2 * v : 2 * (v - 8) + 1, shift = lane < 16 ? 0 : 4;
  for (size_t m = 0; m < padded / 2; m++) {
    const uint8_t pair = (uint8_t)(codes[2 * m] >> 4 | (codes[2 * m + 1] >> 4) << 2);
    uint8_t *at = cells + m * 16 + byte;
    *at = (uint8_t)((*at & ~(15u << shift)) | (uint32_t)pair << shift);
  }
  const size_t half = padded / 2;
  for (size_t i = 0; i < half; i++) row[i] = (uint8_t)((codes[i] & 15) | (codes[i + half] & 15) << 4);
}

size_t nt_allowed_items(const uint64_t *words, size_t word_count, size_t *word, uint32_t *items, size_t room) {
  size_t found = 0, at = *word;
  for (; at < word_count && room - found >= 64; at++)
    for (uint64_t bits = words[at]; bits; bits &= bits - 1)
      items[found++] = (uint32_t)(at * 64) + (uint32_t)__builtin_ctzll(bits);
  *word = at;
  return found;
}
