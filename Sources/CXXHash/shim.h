/* Inlined, so that a hash of a short key costs no call and the program needs no libxxhash at run time. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t nt_xxh3_64(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
static inline uint64_t nt_xxh3_64_seeded(const void *bytes, size_t count, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, count, seed);
}
