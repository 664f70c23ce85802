/* SPDX-License-Identifier: Apache-2.0
 * Runs a fuzz target over every file of its corpus folder, and over the empty input. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    unsigned long runs = 1;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    DIR *d = argc > 1 ? opendir(argv[1]) : NULL;
    for (struct dirent *f; d && (f = readdir(d));) {
        char name[4096];
        if (f->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", argv[1], f->d_name);
        FILE *in = fopen(name, "rb");
        if (!in) return 1;
        static uint8_t bytes[1 << 20];
        size_t n = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        uint8_t *copy = malloc(n ? n : 1); /* exact size, so that a sanitizer sees a read past the end */
        if (!copy) return 1;
        for (size_t i = 0; i < n; i++)
            copy[i] = bytes[i];
        LLVMFuzzerTestOneInput(copy, n);
        free(copy);
        runs++;
    }
    if (d) closedir(d);
    printf("%lu inputs\n", runs);
    return 0;
}
