/* SPDX-License-Identifier: Apache-2.0
 * build/tests/vectors FOLDER...: runs every vector file found below the folders and prints, per file and
 * suite, `FILE suite S: N of N`, or `FILE suite S: unsupported` for a suite the product does not have. Exit 0
 * only if every case held and every JSON file was of a known format (data about browsers that no code can
 * check is left out by its shape, and named). */
#include "vectors.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/openssl_crypto.h"

#define DEPTH_MAX 12

static const struct format *const lists[] = {vectors_seal, vectors_mls, vectors_wire};
static unsigned failures, files_run;

struct block {
    struct block *next;
    uint8_t bytes[];
};

void *sheet_take(struct sheet *s, size_t n)
{
    struct block *b = calloc(1, sizeof *b + n + 1);
    if (!b) abort();
    b->next = s->blocks;
    s->blocks = b;
    return b->bytes;
}

static struct tally *tally_of(struct sheet *s, const char *suite)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->tally[i].suite, suite) == 0) return &s->tally[i];
    if (s->count == SUITES_MAX) {
        fprintf(stderr, "%s: more than %d suites\n", s->file, SUITES_MAX);
        exit(2);
    }
    struct tally *t = &s->tally[s->count++];
    snprintf(t->suite, sizeof t->suite, "%s", suite);
    return t;
}

void sheet_good(struct sheet *s, const char *suite)
{
    struct tally *t = tally_of(s, suite);
    t->good++;
    t->all++;
}

void sheet_bad(struct sheet *s, const char *suite, const char *why, ...)
{
    struct tally *t = tally_of(s, suite);
    fprintf(stderr, "%s suite %s case %u: ", s->file, suite, t->all);
    va_list ap;
    va_start(ap, why);
    vfprintf(stderr, why, ap);
    va_end(ap);
    fputc('\n', stderr);
    t->all++;
}

void sheet_unsupported(struct sheet *s, const char *suite)
{
    tally_of(s, suite)->unsupported = true;
}

const char *suite_name(json_int_t number)
{
    static char names[4][24];
    static unsigned at;
    at = (at + 1) % 4;
    snprintf(names[at], sizeof names[at], "%lld", (long long)number);
    return names[at];
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

struct span hex_of(struct sheet *s, const json_t *string)
{
    const char *text = json_string_value(string);
    size_t n = json_string_length(string) / 2;
    if (!text || json_string_length(string) % 2) return SPAN_NONE;
    uint8_t *b = sheet_take(s, n);
    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]), low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) return SPAN_NONE;
        b[i] = (uint8_t)(high << 4 | low);
    }
    return SPAN(b, n);
}

struct span vec_hex(struct sheet *s, const json_t *object, const char *key)
{
    return hex_of(s, json_object_get(object, key));
}

bool vec_has(const json_t *object, const char *key)
{
    return json_object_get(object, key) != NULL;
}

/* Numbers above 2^63 reach us as reals when jansson is told to read them so; those vectors are given as text
 * too. */
uint64_t vec_u64(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (json_is_integer(v)) return (uint64_t)json_integer_value(v);
    if (json_is_string(v)) return strtoull(json_string_value(v), NULL, 0);
    return 0;
}

const json_t *first_of(const json_t *root)
{
    const json_t *first = json_is_array(root) ? json_array_get(root, 0) : NULL;
    return json_is_object(first) ? first : NULL;
}

static void print_sheet(struct sheet *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct tally *t = &s->tally[i];
        if (t->unsupported)
            printf("%s suite %s: unsupported\n", s->file, t->suite);
        else
            printf("%s suite %s: %u of %u\n", s->file, t->suite, t->good, t->all);
        if (t->good != t->all) failures++;
    }
    if (s->count == 0) {
        printf("%s suite %s: 0 of 0\n", s->file, ANY_SUITE);
        failures++; /* a file without cases proves nothing */
    }
    while (s->blocks) {
        struct block *b = s->blocks;
        s->blocks = b->next;
        free(b);
    }
}

/* JSON has no numbers above 2^63 in jansson: a whole number too long for it is put in quotes first. */
static char *quote_long_numbers(const char *text, size_t n, size_t *out_n)
{
    char *out = malloc(2 * n + 1);
    size_t at = 0;
    bool quoted = false;
    if (!out) abort();
    for (size_t i = 0; i < n; i++) {
        size_t digits = 0;
        if (text[i] == '"' && (i == 0 || text[i - 1] != '\\')) quoted = !quoted;
        if (!quoted && (i == 0 || strchr(" :,[\n\t\r", text[i - 1])))
            while (i + digits < n && text[i + digits] >= '0' && text[i + digits] <= '9')
                digits++;
        if (digits >= 19) {
            out[at++] = '"';
            memcpy(out + at, text + i, digits);
            at += digits;
            out[at++] = '"';
            i += digits - 1;
        } else {
            out[at++] = text[i];
        }
    }
    *out_n = at;
    return out;
}

static json_t *load(const char *path, json_error_t *error)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        snprintf(error->text, sizeof error->text, "cannot be read");
        return NULL;
    }
    size_t n = 0, size = 1 << 20, got;
    char *text = malloc(size);
    while (text && (got = fread(text + n, 1, size - n, f)) > 0) {
        n += got;
        if (n == size) text = realloc(text, size *= 2);
    }
    fclose(f);
    if (!text) abort();
    size_t quoted_n;
    char *quoted = quote_long_numbers(text, n, &quoted_n);
    json_t *root = json_loadb(quoted, quoted_n, 0, error);
    free(text);
    free(quoted);
    return root;
}

/* A table of measurements, with nothing in it that code could hold against an implementation. */
static bool documentation(const json_t *root)
{
    return json_is_string(json_object_get(root, "method")) && json_is_array(json_object_get(root, "rows"));
}

static void run_file(const char *path, const struct crypto *crypto)
{
    json_error_t error = {0};
    json_t *root = load(path, &error);
    if (!root) {
        printf("%s: not JSON: %s\n", path, error.text);
        failures++;
        return;
    }
    if (documentation(root)) {
        printf("%s: measurements, no vectors\n", path);
        json_decref(root);
        return;
    }
    for (size_t l = 0; l < COUNT_OF(lists); l++)
        for (const struct format *f = lists[l]; f->name; f++)
            if (f->is(root)) {
                struct sheet s = {.file = path, .crypto = crypto};
                f->run(&s, root);
                print_sheet(&s);
                files_run++;
                json_decref(root);
                return;
            }
    printf("%s: unknown format\n", path);
    failures++;
    json_decref(root);
}

static void run_path(const char *path, int depth, const struct crypto *crypto)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        printf("%s: not there\n", path);
        failures++;
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        size_t n = strlen(path);
        if (n > 5 && strcmp(path + n - 5, ".json") == 0) run_file(path, crypto);
        return;
    }
    struct dirent **names = NULL;
    int count = depth < DEPTH_MAX ? scandir(path, &names, NULL, alphasort) : -1;
    for (int i = 0; i < count; i++) {
        char below[4096];
        int n = snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && n > 0 && n < (int)sizeof below) run_path(below, depth + 1, crypto);
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    const struct crypto *crypto = openssl_crypto();
    if (argc < 2 || !crypto) {
        fprintf(stderr, "usage: vectors FOLDER...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        run_path(argv[i], 0, crypto);
    if (files_run == 0) printf("no vector files\n");
    return failures == 0 && files_run > 0 ? 0 : 1;
}
