/* Inlined, so that a hash of a short key costs no call and the program needs no libxxhash at run time. */
#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t nt_xxh3_64(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
static inline uint64_t nt_xxh3_64_seeded(const void *bytes, size_t count, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes, count, seed);
}

/* The state stays opaque: its C type holds 64-byte aligned arrays, which Swift would have to move about. */
static inline void *nt_xxh3_start(void) {
  XXH3_state_t *state = XXH3_createState();
  if (state) XXH3_64bits_reset(state);
  return state;
}
static inline void nt_xxh3_update(void *state, const void *bytes, size_t count) { XXH3_64bits_update(state, bytes, count); }
static inline uint64_t nt_xxh3_digest(const void *state) { return XXH3_64bits_digest(state); }
static inline void nt_xxh3_free(void *state) { XXH3_freeState(state); }
