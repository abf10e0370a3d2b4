#include "simdjson_c.h"

#include <cstring>
#include <new>
#include <simdjson.h>

using namespace simdjson;

struct nt_json_parser {
  dom::parser parser;
  size_t depth_max;

  nt_json_parser(size_t bytes_max, size_t depth_max) : parser(bytes_max), depth_max(depth_max) {}
};

/* dom::element is a document pointer and an index into its tape; nothing else crosses the border. */
static_assert(sizeof(dom::element) == sizeof(nt_json_element));
static_assert(std::is_trivially_copyable<dom::element>::value);

static dom::element native(nt_json_element element) {
  dom::element native;
  std::memcpy(&native, &element, sizeof native);
  return native;
}

static nt_json_element plain(dom::element element) {
  nt_json_element plain;
  std::memcpy(&plain, &element, sizeof plain);
  return plain;
}

nt_json_parser *nt_json_parser_make(size_t bytes_max, size_t depth_max) {
  return new (std::nothrow) nt_json_parser(bytes_max, depth_max);
}

void nt_json_parser_free(nt_json_parser *parser) { delete parser; }

int nt_json_parse(nt_json_parser *parser, const uint8_t *bytes, size_t count, nt_json_element *root) {
  if (count > parser->parser.max_capacity()) return CAPACITY;
  if (parser->parser.capacity() < count || parser->parser.max_depth() != parser->depth_max) {
    error_code error = parser->parser.allocate(count < 4096 ? 4096 : count, parser->depth_max);
    if (error) return error;
  }
  dom::element element;
  /* The copy gives the parser the padding that it reads past the end. */
  error_code error = parser->parser.parse(bytes, count, true).get(element);
  if (error) return error;
  *root = plain(element);
  return SUCCESS;
}

const char *nt_json_error(int code) { return error_message(static_cast<error_code>(code)); }

int nt_json_kind(nt_json_element element) {
  switch (native(element).type()) {
  case dom::element_type::ARRAY: return nt_json_array;
  case dom::element_type::OBJECT: return nt_json_object;
  case dom::element_type::STRING: return nt_json_string;
  case dom::element_type::BOOL: return nt_json_bool;
  case dom::element_type::NULL_VALUE: return nt_json_null;
  default: return nt_json_number;
  }
}

int nt_json_bool_value(nt_json_element element, int *value) {
  bool found;
  if (native(element).get_bool().get(found)) return 0;
  *value = found;
  return 1;
}

int nt_json_int64(nt_json_element element, int64_t *value) { return !native(element).get_int64().get(*value); }

int nt_json_double(nt_json_element element, double *value) { return !native(element).get_double().get(*value); }

int nt_json_text(nt_json_element element, const char **bytes, size_t *count) {
  std::string_view found;
  if (native(element).get_string().get(found)) return 0;
  *bytes = found.data();
  *count = found.size();
  return 1;
}

/* size() of simdjson saturates at 2^24 - 1; bodies are far smaller, and counting is exact. */
size_t nt_json_count(nt_json_element element) {
  size_t count = 0;
  dom::array array;
  if (!native(element).get_array().get(array)) {
    for (dom::element item : array) { (void)item; count++; }
    return count;
  }
  dom::object object;
  if (!native(element).get_object().get(object)) {
    for (dom::key_value_pair member : object) { (void)member; count++; }
  }
  return count;
}

size_t nt_json_elements(nt_json_element element, nt_json_element *elements, size_t max) {
  size_t count = 0;
  dom::array array;
  if (native(element).get_array().get(array)) return 0;
  for (dom::element item : array) {
    if (count == max) break;
    elements[count++] = plain(item);
  }
  return count;
}

int nt_json_at(nt_json_element element, size_t place, nt_json_element *value, const char **name, size_t *name_count) {
  dom::array array;
  if (!native(element).get_array().get(array)) {
    for (dom::element item : array) {
      if (place-- > 0) continue;
      *value = plain(item);
      return 1;
    }
    return 0;
  }
  dom::object object;
  if (native(element).get_object().get(object)) return 0;
  for (dom::key_value_pair member : object) {
    if (place-- > 0) continue;
    *value = plain(member.value);
    *name = member.key.data();
    *name_count = member.key.size();
    return 1;
  }
  return 0;
}

int nt_json_member(nt_json_element element, const char *name, size_t count, nt_json_element *value) {
  dom::object object;
  if (native(element).get_object().get(object)) return 0;
  dom::element found;
  if (object.at_key(std::string_view(name, count)).get(found)) return 0;
  *value = plain(found);
  return 1;
}
