#include "simdjson_c.h"
