// Every kernel of one level against the scalar ones, on random and extreme input: what `make test` does in Swift on the
// machine it runs on, for an instruction set that this machine lacks. Exit status 0 when all are equal to the bit.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CKernels/assign_levels.h"
#include "../../Sources/CKernels/levels.h"

enum { blocks = 5, vectors = 32 * blocks, padded_max = 256, keys_max = 4096 };

static uint64_t state = 1;
static uint32_t draw(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}
static float real(void) { return (float)((int32_t)(draw() % 20001) - 10000) / 4096; }
static void bytes(void *to, size_t n) {
  for (size_t i = 0; i < n; i++) ((uint8_t *)to)[i] = (uint8_t)draw();
}
static void reals(float *to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = real();
}
static void codes(int8_t *to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (int8_t)((int)(draw() % 255) - 127);
}

static int failures;
static void same(const char *what, size_t size, const void *a, const void *b, size_t n) {
  if (!memcmp(a, b, n)) return;
  if (failures++ < 20) printf("%s differs at %zu dimensions\n", what, size);
}

static int by_size(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? 1 : x > y ? -1 : 0;
}

static void floats(const nt_kernels *s, const nt_kernels *k, size_t n) {
  static float a[vectors * padded_max], b[padded_max], x[vectors], y[vectors], spare[padded_max];
  static uint32_t signs[3 * padded_max];
  static int8_t p[padded_max], q[padded_max];
  reals(a, vectors * n);
  reals(b, n);
  s->rows_f32(b, a, n, 0, vectors, x);
  k->rows_f32(b, a, n, 0, vectors, y);
  same("rows_f32", n, x, y, sizeof x);
  *x = s->largest_f32(a, n), *y = k->largest_f32(a, n);
  same("largest_f32", n, x, y, sizeof *x);
  s->quantize_i8(a, n, 50, p);
  k->quantize_i8(a, n, 50, q);
  same("quantize_i8", n, p, q, n);
  if (n % NT_PAD_DIMENSIONS) return;
  for (size_t i = 0; i < 3 * n; i++) signs[i] = draw() & 1 ? 0x80000000u : 0;
  memcpy(a + n, a, n * sizeof *a);
  s->rotate_f32(a, n, signs, spare);
  k->rotate_f32(a + n, n, signs, spare);
  same("rotate_f32", n, a, a + n, n * sizeof *a);
}

static void lists(const nt_kernels *s, const nt_kernels *k, size_t n) {
  static uint8_t tiles[vectors * padded_max];
  static int8_t query[padded_max];
  static int32_t sums[2][vectors];
  static float scales[vectors], gains[vectors], dots[2][vectors], bounds[2][vectors];
  bytes(tiles, sizeof tiles);
  codes(query, n);
  reals(scales, vectors);
  reals(gains, vectors);
  s->tiles_i8(query, n / 4, tiles, blocks, sums[0]);
  k->tiles_i8(query, n / 4, tiles, blocks, sums[1]);
  same("tiles_i8", n, sums[0], sums[1], sizeof sums[0]);
  nt_list_job job = {query, n / 8, tiles, blocks, scales, 0.25f, 77, gains, scales, 1.5f};
  s->lists_u4(&job, dots[0], bounds[0]);
  k->lists_u4(&job, dots[1], bounds[1]);
  same("lists_u4 dots", n, dots[0], dots[1], sizeof dots[0]);
  same("lists_u4 bounds", n, bounds[0], bounds[1], sizeof bounds[0]);
}

static void scans(const nt_kernels *s, const nt_kernels *k, size_t n, int full) {
  static uint8_t table[2][8 * padded_max], cells[vectors * padded_max], steps[vectors * padded_max];
  static int8_t query[padded_max];
  static float q[padded_max], bases[blocks], values[blocks];
  static uint64_t keys[2][vectors + NT_KEY_SLACK];
  uint32_t order[blocks] = {3, 0, 4, 1, 2}, masks[blocks];
  uint8_t fill[blocks] = {32, 1, 17, 31, 32};
  float step[2], least[2];
  bytes(cells, sizeof cells);
  bytes(steps, sizeof steps);
  codes(query, n);
  reals(q, n);
  reals(bases, blocks);
  reals(values, blocks);
  for (size_t i = 0; i < blocks; i++) masks[i] = draw();
  s->table_u8(q, n / 2, table[0], &step[0], &least[0]);
  k->table_u8(q, n / 2, table[1], &step[1], &least[1]);
  same("table_u8", n, table[0], table[1], 8 * n);
  same("table_u8 step", n, &step[0], &step[1], sizeof *step);
  if (full) memset(table[0], 255, sizeof table[0]), memset(cells, 255, sizeof cells);
  nt_scan_job job = {table[0], n / 8, cells, order, blocks, masks, fill, bases, values};
  size_t at[2] = {0, 0};
  const size_t found = s->scan_u2(&job, &at[0], -1, keys[0], vectors);
  const size_t other = k->scan_u2(&job, &at[1], -1, keys[1], vectors);
  same("scan_u2 count", n, &found, &other, sizeof found);
  same("scan_u2", n, keys[0], keys[1], found * sizeof **keys);
  nt_refine_job refine = {query, n / 2, steps, bases, 0.125f, 99};
  s->refine_u4(&refine, keys[0], found);
  k->refine_u4(&refine, keys[1], found);
  same("refine_u4", n, keys[0], keys[1], found * sizeof **keys);
}

static void selections(const nt_kernels *s, const nt_kernels *k, size_t count) {
  static uint64_t keys[2][keys_max + NT_KEY_SLACK], spare[keys_max + NT_KEY_SLACK];
  const size_t keep = 1 + draw() % count;
  for (size_t i = 0; i < count; i++) keys[0][i] = keys[1][i] = nt_key(real(), (uint32_t)i);
  s->select_keys(keys[0], count, keep, spare);
  k->select_keys(keys[1], count, keep, spare);
  qsort(keys[0], keep, sizeof **keys, by_size);
  k->sort_keys(keys[1], keep, spare);
  same("select_keys and sort_keys", count, keys[0], keys[1], keep * sizeof **keys);
}

int main(void) {
  const nt_kernels *s = nt_scalar(), *k = nt_kernels_at(NT_NEON);
  if (!k) {
    puts("no NEON with dot products here");
    return 2;
  }
  for (size_t n = 1; n <= padded_max; n++) {
    floats(s, k, n);
    if (n % NT_PAD_DIMENSIONS) continue;
    lists(s, k, n);
    scans(s, k, n, 0);
    scans(s, k, n, 1);
  }
  for (size_t count = 1; count <= keys_max; count += count / 7 + 1) selections(s, k, count);
  printf("%s against scalar: %s\n", k->name, failures ? "they differ" : "equal to the bit");
  return failures != 0;
}
