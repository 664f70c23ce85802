/* SPDX-License-Identifier: Apache-2.0
 * The page's files, embedded into the binary by tools/embed so that front needs no file system. */
#ifndef APP_PAGE_FILES_H
#define APP_PAGE_FILES_H

#include "base/span.h"

struct page_file {
    const char *path; /* without the first slash */
    const char *type;
    const char *etag; /* with its quotes */
    bool immutable;   /* its name holds the hash of its contents */
    struct span body; /* as it is */
    struct span gzip; /* compressed; empty when that would not be smaller */
};

extern const struct page_file page_files[];
extern const unsigned page_file_count;
/* SHA-256 over all paths and contents, hex: what `incamera version` prints. */
extern const char page_hash[];

#endif
