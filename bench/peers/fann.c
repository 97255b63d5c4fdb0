/* FANN: incremental training, an update after each sample, which is what it is fastest at.
 *
 * A step of this program is a batch's number of samples, each with its own update: it computes as many products as the
 * others' step, and as many more updates. Otherwise the contract is that of case.py; its loss is the mean cost of the last
 * samples, each before its own update.
 */

#include <floatfann.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 15
#define MOST_LAYERS 32

struct training {
    struct fann *network;
    unsigned inputs, outputs, rows, batch, next;
    float *x, *targets;
    double loss;
    long steps;
};

static void fail(const char *what, const char *where) {
    fprintf(stderr, "%s: %s\n", what, where);
    exit(2);
}

/* A whole file, a zero behind it. */
static char *contents(const char *folder, const char *file) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path) fail("too long", folder);
    FILE *stream = fopen(path, "rb");
    if (!stream || fseek(stream, 0, SEEK_END)) fail("cannot be read", path);
    long length = ftell(stream);
    rewind(stream);
    char *text = malloc(length + 1);
    if (!text || fread(text, 1, length, stream) != (size_t)length) fail("cannot be read", path);
    text[length] = 0;
    fclose(stream);
    return text;
}

/* What follows `"key":` in JSON, from there on. */
static const char *after(const char *json, const char *key) {
    char quoted[256];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *place = strstr(json, quoted);
    if (!place) fail("not in the file", key);
    return strchr(place + strlen(quoted), ':') + 1;
}

/* A tensor's numbers in a safetensors file: a length of 8 bytes, a header in JSON, the bytes. */
static float *tensor(const char *file, const char *name) {
    uint64_t header;
    memcpy(&header, file, 8);
    char *json = strndup(file + 8, header);
    const char *offsets = strchr(after(after(json, name) - strlen(name) - 4, "data_offsets"), '[') + 1;
    long from = strtol(offsets, NULL, 10);
    free(json);
    return (float *)(file + 8 + header + from);
}

static unsigned layer_sizes(const char *json, unsigned *sizes) {
    unsigned count = 0;
    const char *layers = after(json, "layers");
    for (const char *place = layers; (place = strstr(place, "\"fan_in\"")); place++) {
        if (count + 2 > MOST_LAYERS) fail("too many", "layers");
        if (count == 0) sizes[count++] = atoi(after(place, "fan_in"));
        count++;
    }
    unsigned at = 1;
    for (const char *place = layers; (place = strstr(place, "\"fan_out\"")); place++)
        sizes[at++] = atoi(after(place, "fan_out"));
    return count;
}

/* Neurons are numbered through all layers, each layer's bias unit last. */
static void set_weights(struct fann *network, const char *file, unsigned layers, const unsigned *sizes) {
    unsigned first = 0;
    for (unsigned layer = 0; layer + 1 < layers; layer++) {
        unsigned fan_in = sizes[layer], fan_out = sizes[layer + 1], bias = first + fan_in, to = bias + 1;
        char name[64];
        snprintf(name, sizeof name, "layers.%u.w", layer);
        const float *w = tensor(file, name);
        snprintf(name, sizeof name, "layers.%u.b", layer);
        const float *b = tensor(file, name);
        for (unsigned j = 0; j < fan_out; j++) {
            for (unsigned i = 0; i < fan_in; i++) fann_set_weight(network, first + i, to + j, w[i * fan_out + j]);
            fann_set_weight(network, bias, to + j, b[j]);
        }
        first = to;
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static double take(struct training *t, long steps) {
    double began = now();
    for (long step = 0; step < steps; step++) {
        double sum = 0;
        for (unsigned sample = 0; sample < t->batch; sample++) {
            const float *y = t->targets + (size_t)t->next * t->outputs;
            fann_train(t->network, t->x + (size_t)t->next * t->inputs, (float *)y);
            if (step + 1 == steps)
                for (unsigned j = 0; j < t->outputs; j++) {
                    double difference = t->network->output[j] - y[j];
                    sum += difference * difference / 2;
                }
            t->next = t->next + 1 == t->rows ? 0 : t->next + 1;
        }
        t->loss = sum / t->batch;
    }
    t->steps += steps;
    return (now() - began) / steps;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of_rounds(struct training *t, double seconds) {
    double began = now();
    while (now() - began < seconds / 10 || t->steps < 2) take(t, 1 + t->steps / 8);
    double per_step = (now() - began) / t->steps, rounds[ROUNDS];
    long in_round = seconds / ROUNDS / per_step;
    for (int round = 0; round < ROUNDS; round++) rounds[round] = take(t, in_round > 1 ? in_round : 1);
    qsort(rounds, ROUNDS, sizeof *rounds, by_size);
    return rounds[ROUNDS / 2];
}

int main(int count, char **words) {
    const char *folder = NULL, *threads = NULL;
    for (int i = 1; i + 1 < count; i += 2) {
        if (!strcmp(words[i], "--case-folder")) folder = words[i + 1];
        else if (!strcmp(words[i], "--threads")) threads = words[i + 1];
        else fail("unknown", words[i]);
    }
    if (!folder || !threads) fail("expected", "--case-folder DIR --threads N");
    char *json = contents(folder, "case.json"), *weights = contents(folder, "weights.safetensors");
    char *data = contents(folder, "data.safetensors");
    if (!strstr(json, "\"squared_error\"") || !strstr(json, "\"gradient_descent\"")) fail("cannot train", json);
    unsigned sizes[MOST_LAYERS], layers = layer_sizes(json, sizes);
    double rate = atof(after(json, "learning_rate"));
    const char *quoted = strchr(after(json, "case"), (char)34) + 1;
    char *name = strndup(quoted, strcspn(quoted, "\""));

    char line[128];
    while (fgets(line, sizeof line, stdin)) {
        struct training t = {.inputs = sizes[0], .outputs = sizes[layers - 1]};
        t.batch = atoi(after(json, "batch_size"));
        t.x = tensor(data, "x");
        t.targets = tensor(data, "targets");
        t.rows = atoi(strchr(after(after(data + 8, "targets"), "shape"), '[') + 1);
        t.network = fann_create_standard_array(layers, sizes);
        fann_set_training_algorithm(t.network, FANN_TRAIN_INCREMENTAL);
        fann_set_train_error_function(t.network, FANN_ERRORFUNC_LINEAR);
        /* With a steepness of ½ its sigmoid is 1/(1+e^-z). A batch's mean is here a batch of updates at a share of η. */
        fann_set_activation_function_hidden(t.network, FANN_SIGMOID);
        fann_set_activation_function_output(t.network, FANN_SIGMOID);
        fann_set_activation_steepness_hidden(t.network, 0.5);
        fann_set_activation_steepness_output(t.network, 0.5);
        fann_set_learning_rate(t.network, rate / t.batch);
        set_weights(t.network, weights, layers, sizes);
        double per_step;
        if (!strncmp(line, "steps ", 6)) per_step = take(&t, atol(line + 6));
        else if (!strncmp(line, "seconds ", 8)) per_step = median_of_rounds(&t, atof(line + 8));
        else fail("expected `steps S` or `seconds T`, got", line);
        printf("{\"case\": \"%s\", \"threads\": %s, \"optimizer\": \"gradient_descent\", \"variant\": \"\", "
               "\"microseconds_per_step\": %.9g, \"samples_per_second\": %.9g, \"steps\": %ld, \"loss\": %.9g, "
               "\"versions\": {\"fann\": \"2.2.0\"}}\n",
               name, threads, per_step * 1e6, t.batch / per_step, t.steps, t.loss);
        fflush(stdout);
        fann_destroy(t.network);
    }
    return 0;
}
