// The reference: what every other level must equal.
#include "assign_levels.h"

#define NT_NAME(name) nt_assign_##name##_scalar
#define NT_ROWS 1
#include "assign.inc"

static void NT_NAME(best_lanes)(NT_NAME(block) *block, size_t groups, const uint8_t *tiles, size_t tile_count,
                                const float *scales) {
  const int8_t *codes = (const int8_t *)block->codes;
  block->values[0] = -__builtin_inff();
  block->lanes[0] = 0;
  for (size_t lane = 0; lane < tile_count * NT_TILE_VECTORS; lane++) {
    const uint8_t *column = tiles + lane / NT_TILE_VECTORS * groups * NT_GROUP_BYTES + lane % NT_TILE_VECTORS * 4;
    int32_t sum = 0;
    for (size_t g = 0; g < groups; g++)
      for (size_t i = 0; i < NT_GROUP_DIMENSIONS; i++)
        sum += (int32_t)column[g * NT_GROUP_BYTES + i] * codes[NT_GROUP_DIMENSIONS * g + i];
    const float value = (float)(sum - block->offsets[0]) * scales[lane];
    if (value > block->values[0]) {
      block->values[0] = value;
      block->lanes[0] = (uint32_t)lane;
    }
  }
}

const nt_assign_kernels *nt_assign_scalar(void) { return &NT_NAME(table); }
