/* SPDX-License-Identifier: Apache-2.0 */
#include "app/api_table.h"

#include "wire/json.h"

#define PREFIX "/api/v1"

static const struct api_row rows[API_COUNT] = {{0},
#define X(number, method, path, verb, body, status, what) {method, path, verb, body, status, what},
                                               API_TABLE(X)
#undef X
};

const struct api_row *api_row(unsigned number)
{
    return number > API_NONE && number < API_COUNT ? &rows[number] : NULL;
}

static bool is_part(struct span s)
{
    if (s.n == 0 || s.n > API_PART_MAX) return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], low = c | 0x20;
        if (!((c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') || c == '-' || c == '_')) return false;
    }
    return true;
}

/* The next part of a path: what stands between a slash and the next; false at the end. */
static bool next_part(struct span path, size_t *at, struct span *part)
{
    if (*at >= path.n || path.p[*at] != '/') return false;
    size_t from = ++*at;
    while (*at < path.n && path.p[*at] != '/')
        ++*at;
    *part = SPAN(path.p + from, *at - from);
    return true;
}

static bool path_is(const char *pattern, struct span path, struct api_match *m)
{
    struct span want = span_str(pattern), a, b;
    size_t i = 0, k = 0;
    struct span room = SPAN_NONE, item = SPAN_NONE;
    while (next_part(want, &i, &a)) {
        if (!next_part(path, &k, &b)) return false;
        if (span_equal(a, SPAN_LIT("{room}")) && is_part(b))
            room = b;
        else if (span_equal(a, SPAN_LIT("{item}")) && is_part(b))
            item = b;
        else if (!span_equal(a, b))
            return false;
    }
    if (k != path.n) return false;
    m->room = room;
    m->item = item;
    return true;
}

static const char *allowed(unsigned methods)
{
    switch (methods) {
    case 1:
        return "GET";
    case 2:
        return "POST";
    case 3:
        return "GET, POST";
    case 4:
        return "DELETE";
    case 5:
        return "GET, DELETE";
    case 6:
        return "POST, DELETE";
    case 7:
        return "GET, POST, DELETE";
    default:
        return NULL;
    }
}

void api_find(struct span method, struct span path, struct api_match *m)
{
    struct span prefix = SPAN_LIT(PREFIX);
    unsigned methods = 0;
    *m = (struct api_match){.number = API_NONE};
    if (path.n < prefix.n || !span_equal(span_part(path, 0, prefix.n), prefix)) return;
    path = span_part(path, prefix.n, path.n);
    for (unsigned i = API_NONE + 1; i < API_COUNT; i++) {
        if (!path_is(rows[i].path, path, m)) continue;
        if (span_equal(method, span_str(rows[i].method))) {
            m->number = (enum api_number)i;
            return;
        }
        methods |= rows[i].method[0] == 'G' ? 1u : rows[i].method[0] == 'P' ? 2u : 4u;
    }
    *m = (struct api_match){.number = API_NONE, .allow = allowed(methods)};
}

static void put(struct writer *w, const char *s)
{
    write_str(w, s);
}

static void put_parameters(struct writer *w, const char *path)
{
    bool room = strstr(path, "{room}"), item = strstr(path, "{item}");
    if (!room && !item) return;
    put(w, ",\"parameters\":[");
    static const char *const names[2] = {"room", "item"};
    bool first = true;
    for (unsigned i = 0; i < 2; i++) {
        if (!(i ? item : room)) continue;
        if (!first) put(w, ",");
        first = false;
        put(w, "{\"name\":");
        json_write_str(w, names[i]);
        put(w, ",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\",\"pattern\":"
               "\"^[A-Za-z0-9_-]{1,64}$\"}}");
    }
    put(w, "]");
}

static void put_operation(struct writer *w, const struct api_row *r)
{
    char method[8] = "";
    for (size_t i = 0; i < sizeof method - 1 && r->method[i]; i++)
        method[i] = (char)(r->method[i] | 0x20);
    json_write_str(w, method);
    put(w, ":{\"summary\":");
    json_write_str(w, r->what);
    put_parameters(w, r->path);
    if (r->body == API_JSON)
        put(w, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\"}}}}");
    if (r->body == API_BYTES) put(w, ",\"requestBody\":{\"content\":{\"application/octet-stream\":{}}}");
    put(w, ",\"security\":[");
    put(w, rights_needs_token(r->verb) ? "{\"bearer\":[]}" : "{},{\"bearer\":[]}");
    put(w, "],\"responses\":{\"");
    write_dec(w, r->status);
    put(w,
        "\":{\"description\":\"Done\"},\"default\":{\"description\":\"Refused\",\"content\":{\"application/"
        "problem+json\":{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}}");
}

void api_openapi(struct writer *w)
{
    put(w, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"incamera\",\"version\":\"1\"},\"servers\":[{\"url\":"
           "\"" PREFIX "\"}],\"paths\":{");
    bool first_path = true;
    for (unsigned i = API_NONE + 1; i < API_COUNT; i++) {
        bool seen = false;
        for (unsigned k = API_NONE + 1; k < i; k++)
            seen = seen || strcmp(rows[k].path, rows[i].path) == 0;
        if (seen) continue;
        if (!first_path) put(w, ",");
        first_path = false;
        json_write_str(w, rows[i].path);
        put(w, ":{");
        for (unsigned k = i, first = 1; k < API_COUNT; k++) {
            if (strcmp(rows[k].path, rows[i].path) != 0) continue;
            if (!first) put(w, ",");
            first = 0;
            put_operation(w, &rows[k]);
        }
        put(w, "}");
    }
    put(w,
        "},\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
        "\"bearerFormat\":"
        "\"JWT\"}},\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\"]"
        ","
        "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":"
        "\"integer\"},\"field\":{\"type\":\"string\"}}}}}}");
}
