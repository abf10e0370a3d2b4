// Selecting and sorting keys. All keys of a buffer differ (their ids do), so there is no equal-key worst case; the
// pivot is drawn by a fixed generator, so no input order is slow on purpose and every run is the same.
#include "kernels.h"
#include "levels.h"

static inline void swap(uint64_t *a, uint64_t *b) {
  const uint64_t t = *a;
  *a = *b;
  *b = t;
}

static void insertion(uint64_t *keys, size_t count) {
  for (size_t i = 1; i < count; i++) {
    const uint64_t key = keys[i];
    size_t j = i;
    for (; j && keys[j - 1] < key; j--) keys[j] = keys[j - 1];
    keys[j] = key;
  }
}

// Splits keys around a pivot: those larger come first. Branch-free (Lomuto): keys near the front of a ranking are
// unpredictable. Returns the pivot's place.
static size_t split(uint64_t *keys, size_t count, uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  size_t a = (size_t)(((*state >> 32) * count) >> 32), b = count / 2, c = count - 1;
  if (keys[a] < keys[b]) { size_t t = a; a = b; b = t; }
  if (keys[c] > keys[a]) b = a; else if (keys[c] > keys[b]) b = c;
  const uint64_t pivot = keys[b];
  swap(keys + b, keys + count - 1);
  size_t place = 0;
  for (size_t i = 0; i + 1 < count; i++) {
    const uint64_t key = keys[i];
    keys[i] = keys[place];
    keys[place] = key;
    place += key > pivot;
  }
  swap(keys + place, keys + count - 1);
  return place;
}

void nt_quickselect(uint64_t *keys, size_t count, size_t keep) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  while (keep && keep < count) {
    if (count <= 24) {
      insertion(keys, count);
      return;
    }
    const size_t place = split(keys, count, &state);
    if (place + 1 == keep || place == keep) return;
    if (place > keep) {
      count = place;
    } else {
      keys += place + 1;
      count -= place + 1;
      keep -= place + 1;
    }
  }
}

static void sort(uint64_t *keys, size_t count, uint64_t *state) {
  while (count > 24) {
    const size_t place = split(keys, count, state);
    // The smaller side by recursion, the larger by the loop: the stack stays O(log count).
    if (place < count - place - 1) {
      sort(keys, place, state);
      keys += place + 1;
      count -= place + 1;
    } else {
      sort(keys + place + 1, count - place - 1, state);
      count = place;
    }
  }
  insertion(keys, count);
}

void nt_sort_keys(uint64_t *keys, size_t count) {
  uint64_t state = 0x9e3779b97f4a7c15u;
  sort(keys, count, &state);
}
