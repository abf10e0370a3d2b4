// The SIMD kernels of Retrieval, one file per instruction set, all with the same results bit for bit.
//
// Why C: dispatch is at run time, and Swift has no per-function target feature. Each ISA file opens with a
// `#pragma clang attribute push` that gives its functions the target, so the package needs no global flags and the
// binary starts on any CPU.
//
// Tiles. A tile holds 32 vectors of s8, transposed four dimensions at a time: group g is 128 bytes, byte 4*j + i of it
// is dimension 4*g + i of vector j, stored as u8 = s8 + 128. One 64-byte load then feeds 16 i32 lanes of vpdpbusd
// against the four query bytes broadcast to every lane: no horizontal sum, no sign fix. All sums here are
// sum(u8 * s8); the caller takes off 128 * sum(query), which is the same for every vector.
//
// Centroids are searched as tiles of u4: group g is 128 bytes, byte 4*j + i of it holds dimension 8*g + i of vector j in
// the low nibble and dimension 8*g + 4 + i in the high one; value = (code - 7.5) * step. Half the bytes of s8, and what
// rounding takes away goes into the residuals.
//
// Cells. A block holds 32 vectors of 6 bits a dimension, split two and four. The upper two bits name one of four
// cells, the lower four one of sixteen steps within it (the grid of extended RaBitQ, arXiv 2409.09913, split 2 | 4):
//   value = (cell - 1.5 + (step - 7.5) / 16) * width of the block
// Cells of a block lie together, two dimensions to a nibble and four such pairs to 64 bytes: byte 64*q + 16*p + j holds
// pair 4*q + p of vector P(j) in the low nibble and of vector P(j) + 16 in the high one, P = 0 8 1 9 2 10 ... 7 15. That
// is the layout of LUT16 scans (google-research/google-research scann/hashes/internal/lut16_avx512.inc): one shuffle looks
// up 16 vectors per 128-bit lane, and P puts the u16 sums in order without a shuffle at the end.
// Steps lie by vector, so that only the best are read: byte i of a row holds dimension i in the low nibble and dimension
// i + padded / 2 in the high one.
//
// Floats. dot_f32 is defined as 32 running sums (element i into sum i % 32), multiply and add rounded apart (no FMA),
// then folded 16, 8, 4, 2, 1. Every kernel keeps that order, so an index and an answer have the same bytes on
// every machine.
//
// Keys. A candidate is one u64: the score's bits made orderable in the high half, ~id in the low half. Larger is
// better, ties go to the smaller id, and selecting and sorting need integer comparisons only (NaN included).
#ifndef NEEDLETAIL_KERNELS_H
#define NEEDLETAIL_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define NT_TILE_VECTORS 32
#define NT_GROUP_DIMENSIONS 4
#define NT_GROUP_BYTES 128

#pragma clang assume_nonnull begin

// Vectors are padded with zeros to a multiple of this: four pairs of dimensions.
#define NT_PAD_DIMENSIONS 8
#define NT_BLOCK_VECTORS 32
#define NT_CELLS 4
#define NT_STEPS 16
// Keys that selecting and collecting may write beyond those they return: full vector stores.
#define NT_KEY_SLACK 8

// Which lists are near: one pass over all centroids.
typedef struct nt_list_job {
  const int8_t *query;     // groups * 8 bytes, zero beyond the dimension
  size_t groups;           // of eight dimensions
  const uint8_t *tiles;    // u4
  size_t tile_count;
  const float *scales;     // per centroid: value of half a code step
  float query_scale;       // value of one query step
  int32_t sum;             // of the query's codes
  const float *gains;      // per list, of its first block
  const float *widths;
  float reach;
} nt_list_job;

// One pass of a query's table over some blocks.
typedef struct nt_scan_job {
  const uint8_t *table;              // quads * 64 bytes
  size_t quads;                      // of pairs of dimensions: padded / 8
  const uint8_t *cells;              // block b starts at b * quads * 64
  const uint32_t *blocks;            // which blocks, in this order
  size_t block_count;
  const uint32_t *_Nullable masks;   // per entry of the order, bit j: vector j may answer; NULL: all may
  const uint8_t *fill;               // per block: how many of its vectors exist, 0...32
  const float *bases;                // per entry: score of a vector whose table sum is zero
  const float *steps;                // per entry: score of one step of the table sum
} nt_scan_job;

// The finer codes of some vectors.
typedef struct nt_refine_job {
  const int8_t *query;    // padded bytes
  size_t half;            // padded / 2, the bytes of a row
  const uint8_t *rows;    // row of slot s at s * half
  const float *widths;    // per block
  float query_scale;
  int32_t sum;            // of the query's codes
} nt_refine_job;

typedef struct nt_kernels {
  const char *name;

  float (*dot_f32)(const float *a, const float *b, size_t n);

  // out[i] = dot(query, rows + items[i] * n); without items, row i. Rows are fetched ahead.
  void (*rows_f32)(const float *query, const float *rows, size_t n, const uint32_t *_Nullable items, size_t count,
                   float *out);

  // sums[32 * t + j] = sum over dimensions of tile t's u8 codes of vector j times the query's s8.
  void (*tiles_i8)(const int8_t *query, size_t groups, const uint8_t *tiles, size_t tile_count, int32_t *sums);

  // dots[i] = (2 * sum of u4 * s8 - 15 * sum) * (scales[i] * query_scale); bounds[i] = gains[i] * dots[i] + reach * widths[i].
  void (*lists_u4)(const nt_list_job *job, float *dots, float *bounds);

  // Appends a key for each value above the threshold; room for `count` keys and the slack is needed.
  size_t (*collect_f32)(const float *values, size_t count, float threshold, uint64_t *keys);

  // A key (id = block) for each block of these lists (ids of their keys) whose bound, gains[b] * dots[list] + reach *
  // widths[b], is at least the least; room for all and the slack is needed.
  size_t (*rank_blocks)(const uint32_t *first, const uint64_t *lists, size_t list_count, const float *dots,
                        const float *gains, const float *widths, float reach, float least, uint64_t *keys);

  // The table of a query: entry 16 * m + c is q[2m] * (c % 4 - 1.5) + q[2m+1] * (c / 4 - 1.5), less the smallest of its
  // pair, in steps of *step. *least is the sum of those smallest. No sum of entries exceeds 65535.
  void (*table_u8)(const float *query, size_t pairs, uint8_t *table, float *step, float *least);

  // Begins to fetch the first blocks of a job that names its blocks: they come while the table is made.
  void (*fetch_u2)(const nt_scan_job *job);

  // Scores blocks from *position on and appends a key (id = block * 32 + j) for each score above the threshold, until
  // the job is done or fewer than 32 keys of room are left. Returns the keys appended; *position moves on. The slack
  // lies beyond the room.
  size_t (*scan_u2)(const nt_scan_job *job, size_t *position, float threshold, uint64_t *keys, size_t room);

  // Adds to each key's score what the steps of its slot add to its cells.
  void (*refine_u4)(const nt_refine_job *job, uint64_t *keys, size_t count);

  // Moves the `keep` largest keys to the front, in no order; the others are lost. Expected O(count). keep <= count;
  // the slack lies beyond count, and spare has the room of both.
  void (*select_keys)(uint64_t *keys, size_t count, size_t keep, uint64_t *spare);
  // The same, and the others stay behind them. For some hundred keys.
  void (*split_keys)(uint64_t *keys, size_t count, size_t keep, uint64_t *spare);
  // Sorts keys, largest first. Spare as above. For some hundred keys.
  void (*sort_keys)(uint64_t *keys, size_t count, uint64_t *spare);

  // Turns a vector of `padded` elements by an orthogonal matrix: three rounds of signs and fast Hadamard transforms, with
  // Givens rotations between the halves where `padded` is no power of two (Kac's walk, as in RaBitQ-Library's FhtKacRotator).
  // `signs`: three times `padded` masks, 0 or 0x80000000. `spare` has room for `padded` floats.
  void (*rotate_f32)(float *x, size_t padded, const uint32_t *signs, float *spare);

  // The sum of the codes and of their squares.
  void (*code_sums)(const int8_t *codes, size_t n, int32_t *sum, int32_t *energy);

  // cosines[i] = (sums[i] - offset) * scale * scales[i].
  void (*cosines)(const int32_t *sums, int32_t offset, float scale, const float *scales, size_t count, float *cosines);

  // nearest[i] = max(nearest[i], cosines[i]).
  void (*raise)(float *nearest, const float *cosines, size_t count);

  // The index of the largest (1 - lambda) * relevance[i] - lambda * nearest[i]; the smallest such index.
  size_t (*best_marginal)(const float *relevance, const float *nearest, float lambda, size_t count);

  // The largest absolute value; NaN elements are passed over.
  float (*largest_f32)(const float *x, size_t n);

  // out[i] = x[i] * inverse rounded half to even, clamped to -127...127. Finite input.
  void (*quantize_i8)(const float *x, size_t n, float inverse, int8_t *out);
} nt_kernels;

typedef enum nt_level { NT_SCALAR = 0, NT_AVX2 = 1, NT_AVX512VNNI = 2, NT_NEON = 3 } nt_level;

// The kernels of one level, or NULL where this CPU or this build lacks it. Constant for the life of the process.
const nt_kernels *_Nullable nt_kernels_at(nt_level level);

// Sorts keys, largest first, in place.
void nt_sort_keys(uint64_t *keys, size_t count);

// sum += x * scale; out = x * scale.
void nt_add_scaled(float *sum, const float *x, float scale, size_t n);
void nt_scale(const float *x, float scale, size_t n, float *out);
// Writes groups * 4 codes into lane `lane` of a tile, as u8.
void nt_pack(const int8_t *codes, size_t groups, size_t lane, uint8_t *tile);
// Bit j: items[j] is set in the bitmap.
uint32_t nt_allowed_mask(const uint64_t *words, const uint32_t *items, size_t count);
// Codes a vector in sixteen steps around zero, of the width that loses least of some; returns half a step.
float nt_quantize_u4(const float *x, size_t padded, uint8_t *codes);
// Writes padded codes into lane `lane` of a u4 tile.
void nt_pack_u4(const uint8_t *codes, size_t padded, size_t lane, uint8_t *tile);
// Codes a vector in cells and steps: cell and step of dimension i into codes[i], 0...63. inverse = 1 / width, or 0.
void nt_code_u6(const float *x, size_t padded, float inverse, uint8_t *codes);
// Writes the cells of one vector into lane `lane` of a block, and its steps into its row.
void nt_pack_u6(const uint8_t *codes, size_t padded, size_t lane, uint8_t *cells, uint8_t *row);
// The set bits from word *word on, until the bitmap ends or fewer than 64 items of room are left.
size_t nt_allowed_items(const uint64_t *words, size_t word_count, size_t *word, uint32_t *items, size_t room);

static inline uint64_t nt_key(float score, uint32_t id) {
  union { float f; uint32_t u; } bits = {score + 0.0f};  // -0 becomes +0: they tie
  uint32_t ordered = bits.u & 0x80000000u ? ~bits.u : bits.u | 0x80000000u;
  return (uint64_t)ordered << 32 | (uint32_t)~id;
}
static inline uint32_t nt_key_id(uint64_t key) { return ~(uint32_t)key; }
static inline float nt_key_score(uint64_t key) {
  uint32_t ordered = (uint32_t)(key >> 32);
  union { uint32_t u; float f; } bits = {ordered & 0x80000000u ? ordered & 0x7fffffffu : ~ordered};
  return bits.f;
}
static inline void nt_fetch(const float *row, size_t n) {
  for (size_t i = 0; i < n; i += 16) __builtin_prefetch(row + i, 0, 2);
}

#pragma clang assume_nonnull end
#endif
