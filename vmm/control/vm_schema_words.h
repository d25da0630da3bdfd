/* vm_schema_words.h - the words that keys of a VM take; private to the table in
 * vm_schema.c. Each list ends with NULL. */
#pragma once

extern const char *const announce_words[];
extern const char *const restart_words[];
extern const char *const reboot_words[];
extern const char *const cache_words[];
extern const char *const net_words[];
extern const char *const memory_words[];
extern const char *const engine_words[];
extern const char *const page_words[];
extern const char *const format_words[];
