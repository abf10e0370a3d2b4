#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo take a variable number of arguments, which Swift cannot call; and each is a
// macro that checks the type of its third. One function a type.

typedef size_t (*nt_curl_data)(char *bytes, size_t one, size_t count, void *context);
typedef int (*nt_curl_progress)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode nt_curl_set_long(CURL *handle, CURLoption option, long value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode nt_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode nt_curl_set_text(CURL *handle, CURLoption option, const char *value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode nt_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
  return (curl_easy_setopt)(handle, option, value);
}

static inline CURLcode nt_curl_set_data(CURL *handle, CURLoption option, nt_curl_data function) {
  return (curl_easy_setopt)(handle, option, function);
}

static inline CURLcode nt_curl_set_progress(CURL *handle, nt_curl_progress function) {
  return (curl_easy_setopt)(handle, CURLOPT_XFERINFOFUNCTION, function);
}

static inline CURLcode nt_curl_get_long(CURL *handle, CURLINFO info, long *value) {
  return (curl_easy_getinfo)(handle, info, value);
}

static inline CURLcode nt_curl_get_text(CURL *handle, CURLINFO info, const char **value) {
  return (curl_easy_getinfo)(handle, info, value);
}

typedef int (*nt_curl_seek)(void *context, curl_off_t offset, int origin);

static inline CURLcode nt_curl_set_seek(CURL *handle, nt_curl_seek function) {
  return (curl_easy_setopt)(handle, CURLOPT_SEEKFUNCTION, function);
}
