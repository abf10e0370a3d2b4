#ifndef NEEDLETAIL_FACTORIZATION_H
#define NEEDLETAIL_FACTORIZATION_H

#include <stddef.h>
#include <stdint.h>

// The trainer's inner loops: small symmetric systems, a matrix product, the top of a score row.
//
// Layout contract of every function: widths and leading dimensions ("stride", "width") are multiples of NT_LANES,
// buffers start on 64 bytes, and columns beyond the true width hold zeros (ones on a diagonal).
enum { NT_LANES = 16 };

// One implementation per instruction set, all of the same C text; `name` is "avx512", "avx2" or "portable".
typedef struct nt_factorization {
  const char *name;

  // out[e] = sqrt(weights[e]) * rows[ids[e]] * scale, entry by entry (count x width); roots[e] = sqrt(weights[e]).
  // scale (width) may be NULL for ones.
  void (*gather)(
      size_t count, const uint32_t *ids, const float *weights, const float *rows, size_t width, const float *scale,
      float *out, float *roots);

  // The same, transposed: out is width x stride, stride >= count; columns from count to stride are zeroed.
  void (*gather_transposed)(
      size_t count, const uint32_t *ids, const float *weights, const float *rows, size_t width, const float *scale,
      float *out, size_t stride, float *roots);

  // Upper blocks of sum += x' x and, where rhs is given, rhs += x' roots; x is count x width. sum is width x width.
  void (*add_outer)(size_t count, size_t width, const float *x, const float *roots, float *sum, float *rhs);

  // Solves (diag(diagonal) + prior + x' x) y = right + x' roots by Cholesky; x is count x width.
  // prior (upper blocks, width x width) and roots may be NULL. y holds right on entry and the solution after.
  // factor: width x (width + NT_LANES) floats of scratch; triangles: width x NT_LANES floats of scratch.
  void (*solve)(
      size_t count, size_t width, const float *x, const float *roots, const float *diagonal, const float *prior,
      float *y, float *factor, float *triangles);

  // y = scale * (x' s): x is count x width given transposed (width x stride), s has count numbers.
  void (*combine)(
      size_t count, size_t width, const float *x, size_t stride, const float *s, const float *scale, float *y);

  // out[r][c] = rows[r] . panel column c. panels: ceil(columns / NT_LANES) blocks of depth x NT_LANES floats.
  // Row r of out has `stride` floats, of which columns rounded up to NT_LANES are written.
  void (*multiply)(
      size_t count, size_t depth, const float *rows, size_t row_stride, size_t columns, const float *panels, float *out,
      size_t stride);

  // Keeps the best `limit` of a stream of scores, best first, an earlier one before a later equal one.
  // scores[i] belongs to id first + i. top_* hold *held entries. -infinity and NaN never enter.
  void (*offer)(
      size_t count, const float *scores, uint32_t first, size_t limit, float *top_scores, uint32_t *top_ids,
      size_t *held);
} nt_factorization;

// The fastest this machine runs; NEEDLETAIL_KERNELS=avx2 or =portable in the environment asks for less.
const nt_factorization *nt_factorization_active(void);
// By name, or NULL where this machine or build lacks it.
const nt_factorization *nt_factorization_named(const char *name);

#endif
