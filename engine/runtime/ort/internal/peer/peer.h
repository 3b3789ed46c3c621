#ifndef SERVERY_ORT_PEER_H
#define SERVERY_ORT_PEER_H

#include <stddef.h>
#include <stdint.h>

typedef struct peer peer;

peer *peer_load(const char *library, const char *model, const char *input, const char *output, const int64_t *shape, size_t rank);
int64_t peer_loop(peer *, int64_t n); // nanoseconds, or -1

#endif
