// The probe as a program of its own, so that its tests need no gradus.
#include "node/gpu_probe.h"

int main() { return gradus::gpu_probe_main(); }
