/* FNV-1a of 32 bits. It has no Python.h: Python's headers are nothing that the lock has. */
#include <stddef.h>
#include <stdint.h>

uint32_t fuel_health_checksum(const unsigned char *bytes, size_t n)
{
	uint32_t sum = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++)
		sum = (sum ^ bytes[i]) * 16777619u;
	return sum;
}
