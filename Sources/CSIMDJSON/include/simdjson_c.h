#ifndef NEEDLETAIL_SIMDJSON_C_H
#define NEEDLETAIL_SIMDJSON_C_H

#include <stddef.h>
#include <stdint.h>

/* simdjson's DOM behind C: a parser that keeps its memory, and elements as two words that point into its last document.
   No function throws; what an element is not, it answers with 0 or false. */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nt_json_parser nt_json_parser;

typedef struct {
  const void *document;
  size_t index;
} nt_json_element;

enum { nt_json_null, nt_json_bool, nt_json_number, nt_json_string, nt_json_array, nt_json_object };

/* NULL when there is no memory. `bytes_max`: longest document that is ever parsed. `depth_max`: deepest nesting. */
nt_json_parser *nt_json_parser_make(size_t bytes_max, size_t depth_max);
void nt_json_parser_free(nt_json_parser *parser);

/* Parses a copy of the bytes. 0, or simdjson's error code. The document before is gone. */
int nt_json_parse(nt_json_parser *parser, const uint8_t *bytes, size_t count, nt_json_element *root);
const char *nt_json_error(int code);

int nt_json_kind(nt_json_element element);
int nt_json_bool_value(nt_json_element element, int *value);
/* True only for numbers without a fraction that fit. */
int nt_json_int64(nt_json_element element, int64_t *value);
int nt_json_double(nt_json_element element, double *value);
/* UTF-8, unescaped. */
int nt_json_text(nt_json_element element, const char **bytes, size_t *count);

/* Elements of an array or members of an object; 0 for anything else. O(elements). */
size_t nt_json_count(nt_json_element element);
/* The element, or the member's name and value, at a place. O(place). */
int nt_json_at(nt_json_element element, size_t place, nt_json_element *value, const char **name, size_t *name_count);
/* Writes the first elements of an array, at most `max`, and returns how many. O(elements), where asking for each by its
   place would be the square of that. */
size_t nt_json_elements(nt_json_element element, nt_json_element *elements, size_t max);
/* The value of the first member of this name. O(members). */
int nt_json_member(nt_json_element element, const char *name, size_t count, nt_json_element *value);

#ifdef __cplusplus
}
#endif

#endif
