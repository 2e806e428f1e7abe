/* The runtime as one translation unit, so that the checks of an access are inlined into its hook. */
#include "runtime.h"

#include "memory.cpp"
#include "findings.cpp"
#include "counters.cpp"
#include "fibers.cpp"
#include "collectives.cpp"
#include "races.cpp"
#include "accesses.cpp"
#include "atomics.cpp"
#include "copies.cpp"
#include "faults.cpp"
#include "launch.cpp"
