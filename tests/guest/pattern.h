/* pattern.h - random data that payloads and host-side tests both can make. */
#pragma once

#include <stdint.h>

#define SECTOR_SIZE 512
#define SECTOR_WORDS (SECTOR_SIZE / sizeof(uint64_t))

/** mix64() - SplitMix64's output function: a good hash of one word. */
static inline uint64_t mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/** pattern_word() - word @word of sector @sector written with @seed. */
static inline uint64_t pattern_word(uint64_t seed, uint64_t sector,
				    uint64_t word)
{
	return mix64(mix64(seed) ^ (sector * SECTOR_WORDS + word));
}
