// The SIMD kernels of clustering: the nearest centroid of many rows at once.
//
// Scoring one row against all centroids reads the whole table of centroids for each row, and waits for the L2 cache.
// Here a block of rows (12 with AVX-512) meets a tile while that tile's codes are in registers, and only the running
// best of each row is kept: no sums are written.
//
// Tiles are those of kernels.h: 32 centroids, four dimensions a group, u8 = s8 + 128. A row is quantized to s8 steps of
// its largest absolute value / 127, which changes no order of its centroids. All sums are integers and each level
// converts and multiplies the same two floats, so every level gives the same bits.
#ifndef NEEDLETAIL_ASSIGN_H
#define NEEDLETAIL_ASSIGN_H

#include <stddef.h>
#include <stdint.h>

// Rows of more dimensions are refused by the index (VectorIndex.dimensionMax).
#define NT_ASSIGN_DIMENSIONS_MAX 1024

#pragma clang assume_nonnull begin

typedef struct nt_assign_job {
  const float *rows;               // row-major; finite
  size_t dimension;                // 1...NT_ASSIGN_DIMENSIONS_MAX
  const uint32_t *_Nullable items; // which rows, in this order; NULL: 0, 1, 2 ...
  size_t count;
  const uint8_t *tiles;            // tile_count * (dimension + 3) / 4 * 128 bytes
  size_t tile_count;
  const float *scales;             // per lane: value of one code step; NaN in a lane that must not win
} nt_assign_job;

typedef struct nt_assign_kernels {
  // lanes[i] = the lane (tile * 32 + j) with the largest inner product with row i, the smallest such lane when several
  // tie, 0 when no lane may win; products[i], if asked for, = that product, up to the error of both codes, or
  // -infinity.
  void (*nearest)(const nt_assign_job *job, uint32_t *lanes, float *_Nullable products);
} nt_assign_kernels;

// The kernels of one level (an nt_level), or NULL where nt_kernels_at has none.
const nt_assign_kernels *_Nullable nt_assign_kernels_at(unsigned level);

// sum[d] = the d-th values of these rows times weights[item], added in the order of `items`. Rows are fetched ahead.
void nt_sum_rows(const float *rows, size_t dimension, const uint32_t *items, size_t count, const float *weights,
                 float *sum);

// Copies these lanes of some tiles to lanes 0, 1, 2 ... of others. Further lanes are left as they are.
void nt_gather_lanes(const uint8_t *tiles, size_t groups, const uint32_t *lanes, size_t count, uint8_t *out);
// Keys (kernels.h) of (sums[i] - 128 * the sum of the codes) * scales[i]: sums of tiles_i8, and the codes that made
// them.
void nt_rank_lanes(const int8_t *codes, size_t code_count, const int32_t *sums, const float *scales, size_t count,
                   uint64_t *keys);

#pragma clang assume_nonnull end
#endif
