/* SPDX-License-Identifier: Apache-2.0
 * app/config: a file of settings; what is taken is handed to each role as lines, which must be taken again. */
#include "app/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config c, again;
    static uint8_t lines[CONFIG_FILE_MAX];
    struct config_fault fault = {""};
    if (size > CONFIG_FILE_MAX) return 0;
    config_init(&c);
    if (config_lines(&c, CONFIG_FROM_FILE, SPAN(data, size), &fault)) {
        if (!fault.text[0] || !memchr(fault.text, 0, sizeof fault.text)) abort();
        return 0;
    }
    for (int role = ROLE_FRONT; role < ROLE_COUNT; role++) {
        struct writer w = writer_of(MSPAN(lines, sizeof lines));
        config_part(&w, &c, (enum role)role);
        config_init(&again);
        if (w.bad || config_lines(&again, CONFIG_FROM_FILE, writer_span(&w), &fault)) abort();
    }
    return 0;
}
