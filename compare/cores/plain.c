/* The standard network in one plain loop on one thread: what straightforward native code takes, with nothing counted,
 * checked or routed. Not an emulator, but a mark to measure emulators against.
 *
 *     plain NET.bin RASTER.bin     prints CPU seconds of reading and of the loop
 *
 * NET.bin, int32: neurons, inputs, steps, decay_u, decay_v, threshold; for neurons, then for inputs: where each
 * source's synapses begin and the end, targets, weights; where each tick's input spikes begin and the end, inputs.
 * RASTER.bin, int32: pairs of tick and neuron. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

struct rows {
    const int32_t *start, *target, *weight;
};

static double cpu(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + 1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void *must(void *p)
{
    if (!p) {
        perror("plain");
        exit(1);
    }
    return p;
}

static void deliver(const struct rows *rows, int32_t source, int32_t *sum)
{
    for (int32_t k = rows->start[source]; k < rows->start[source + 1]; k++)
        sum[rows->target[k]] += rows->weight[k];
}

static const int32_t *rows(struct rows *r, const int32_t *at, int32_t sources)
{
    r->start = at;
    r->target = at + sources + 1;
    r->weight = r->target + r->start[sources];
    return r->weight + r->start[sources];
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    double begin = cpu();
    FILE *file = must(fopen(argv[1], "rb"));
    fseek(file, 0, SEEK_END);
    size_t bytes = (size_t)ftell(file);
    rewind(file);
    int32_t *net = must(malloc(bytes));
    if (fread(net, 1, bytes, file) != bytes)
        return 1;
    fclose(file);
    const int32_t neurons = net[0], inputs = net[1], steps = net[2], keep_u = 4096 - net[3], keep_v = 4096 - net[4];
    const int32_t threshold = net[5] * 64;
    struct rows inner, outer;
    const int32_t *tick_start = rows(&outer, rows(&inner, net + 6, neurons), inputs);
    const int32_t *input = tick_start + steps + 1;
    int32_t *u = must(calloc((size_t)neurons, 4)), *v = must(calloc((size_t)neurons, 4));
    int32_t *sum = must(calloc((size_t)neurons, 4));
    size_t spikes = 0, last = 0, room = (size_t)neurons;
    int32_t *raster = must(malloc(room * 8));

    double start = cpu();
    for (int32_t t = 0; t < steps; t++) {
        if (t > 0) {
            for (size_t k = last; k < spikes; k++)
                deliver(&inner, raster[2 * k + 1], sum);
            for (int32_t k = tick_start[t - 1]; k < tick_start[t]; k++)
                deliver(&outer, input[k], sum);
        }
        last = spikes;
        while (room < spikes + (size_t)neurons)
            raster = must(realloc(raster, (room *= 2) * 8));
        for (int32_t i = 0; i < neurons; i++) {
            u[i] = (int32_t)((int64_t)u[i] * keep_u / 4096) + 64 * sum[i];
            v[i] = (int32_t)((int64_t)v[i] * keep_v / 4096) + u[i];
            sum[i] = 0;
            if (v[i] > threshold) {
                v[i] = 0;
                raster[2 * spikes] = t;
                raster[2 * spikes + 1] = i;
                spikes++;
            }
        }
    }
    double end = cpu();
    file = must(fopen(argv[2], "wb"));
    if (fwrite(raster, 8, spikes, file) != spikes || fclose(file))
        return 1;
    printf("%.6f %.6f\n", start - begin, end - start);
    return 0;
}
