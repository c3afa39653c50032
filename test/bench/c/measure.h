/* What the C clients share: time, CPU time, the middle of a set of batches. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static inline double now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* User and system time of this process, in ms. */
static inline double cpu_ms(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static inline int by_value(const void *left, const void *right)
{
	double difference = *(const double *)left - *(const double *)right;
	return (difference > 0) - (difference < 0);
}

/* Runs a piece of work in batches and returns the median batch, in ns per turn: a disturbed batch does not count. */
static inline double median_batch(void (*work)(void), int warmup, int batches, int size)
{
	double *times = calloc(batches, sizeof *times);
	for (int turn = 0; turn < warmup; turn += 1)
		work();
	for (int batch = 0; batch < batches; batch += 1) {
		double begun = now_ns();
		for (int turn = 0; turn < size; turn += 1)
			work();
		times[batch] = (now_ns() - begun) / size;
	}
	qsort(times, batches, sizeof *times, by_value);
	double median = times[batches / 2];
	free(times);
	return median;
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

#endif
