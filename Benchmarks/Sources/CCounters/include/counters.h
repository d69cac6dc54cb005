#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdint.h>

/// How many blocks of memory all threads of this process have asked for.
uint64_t counters_allocations(void);

/// How many bytes these were.
uint64_t counters_allocated_bytes(void);

#endif
