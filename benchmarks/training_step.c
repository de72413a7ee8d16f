/* The limit: micrograd's demo trained by hand, 8 samples a vector.

   A 2-16-16-1 network with ReLU, max-margin loss over all samples, L2, gradient descent. Samples
   come in blocks of eight: their x, their y, their labels. Where the last block has no sample the
   label is 0, which leaves no gradient. Parameters lie neuron by neuron, weights and then bias,
   and zeros up to a multiple of eight. */

enum { LANES = 8, INPUTS = 2, WIDTH = 16, TOGETHER = 4 };

typedef double Vector __attribute__((vector_size(LANES * sizeof(double))));
typedef Vector Anywhere __attribute__((aligned(sizeof(double)), may_alias));
typedef long Lanes __attribute__((vector_size(LANES * sizeof(long))));
typedef struct { Anywhere x[INPUTS], label; } Block;

#define NETWORK(Number)                                                                            \
    struct {                                                                                       \
        struct { Number weights[INPUTS], bias; } first[WIDTH];                                     \
        struct { Number weights[WIDTH], bias; } second[WIDTH];                                     \
        struct { Number weights[WIDTH], bias; } last;                                              \
        Number zeros[7];                                                                           \
    }
typedef NETWORK(double) Parameters;
typedef NETWORK(Vector) Gradients; /* a sum for every lane */

enum { COUNT = sizeof(Parameters) / sizeof(double) };

static const Vector none = {0};

/* A number where a condition holds, else 0. */
static inline Vector where(Lanes condition, Vector number)
{
    return (Vector)(condition & (Lanes)number);
}

/* Add the gradients of up to four blocks to the sums, and return the losses.

   Done together, they need each weight and each sum to be fetched only once. */
static inline __attribute__((always_inline)) Vector
add_gradients(const Parameters *p, const Block *blocks, const int together, Gradients *sums)
{
    Vector first[WIDTH][TOGETHER], second[WIDTH][TOGETHER], slope[TOGETHER], losses = none;

    for (int k = 0; k < WIDTH; k++)
        for (int b = 0; b < together; b++) {
            Vector total = none + p->first[k].bias;
            for (int j = 0; j < INPUTS; j++)
                total += p->first[k].weights[j] * blocks[b].x[j];
            first[k][b] = where(total > none, total);
        }
    for (int k = 0; k < WIDTH; k++) {
        for (int b = 0; b < together; b++)
            second[k][b] = none + p->second[k].bias;
        for (int j = 0; j < WIDTH; j++)
            for (int b = 0; b < together; b++)
                second[k][b] += p->second[k].weights[j] * first[j][b];
        for (int b = 0; b < together; b++)
            second[k][b] = where(second[k][b] > none, second[k][b]);
    }
    for (int b = 0; b < together; b++) {
        Vector score = none + p->last.bias;
        for (int k = 0; k < WIDTH; k++)
            score += p->last.weights[k] * second[k][b];
        Vector missing = 1.0 - blocks[b].label * score;
        losses += where((missing > none) & (blocks[b].label != none), missing);
        slope[b] = where(missing > none, -blocks[b].label);
        sums->last.bias += slope[b];
    }

    for (int k = 0; k < WIDTH; k++)
        for (int b = 0; b < together; b++) {
            sums->last.weights[k] += slope[b] * second[k][b];
            second[k][b] = where(second[k][b] > none, slope[b] * p->last.weights[k]);
            sums->second[k].bias += second[k][b];
        }
    for (int k = 0; k < WIDTH; k++)
        for (int j = 0; j < WIDTH; j++)
            for (int b = 0; b < together; b++)
                sums->second[k].weights[j] += second[k][b] * first[j][b];
    for (int j = 0; j < WIDTH; j++) {
        Vector totals[TOGETHER] = {none};
        for (int k = 0; k < WIDTH; k++)
            for (int b = 0; b < together; b++)
                totals[b] += p->second[k].weights[j] * second[k][b];
        for (int b = 0; b < together; b++) {
            Vector inner = where(first[j][b] > none, totals[b]);
            sums->first[j].bias += inner;
            for (int i = 0; i < INPUTS; i++)
                sums->first[j].weights[i] += inner * blocks[b].x[i];
        }
    }
    return losses;
}

#define TAKE __builtin_shuffle

/* Add up the lanes of each of eight vectors: their sums are the lanes of the result. */
static inline Vector lane_sums(const Vector *v)
{
    const Lanes even = {0, 8, 2, 10, 4, 12, 6, 14}, twos = {0, 1, 8, 9, 4, 5, 12, 13},
                fours = {0, 1, 2, 3, 8, 9, 10, 11};
    Vector pairs[4], quads[2];
    for (int k = 0; k < 4; k++)
        pairs[k] = TAKE(v[2 * k], v[2 * k + 1], even) + TAKE(v[2 * k], v[2 * k + 1], even + 1);
    for (int k = 0; k < 2; k++)
        quads[k] = TAKE(pairs[2 * k], pairs[2 * k + 1], twos) +
                   TAKE(pairs[2 * k], pairs[2 * k + 1], twos + 2);
    return TAKE(quads[0], quads[1], fours) + TAKE(quads[0], quads[1], fours + 4);
}

/* Take steps, and return the loss before the last one. */
double train(double *numbers, const double *samples, long count, double rate, double penalty,
             long steps)
{
    const Parameters *parameters = (const Parameters *)numbers;
    const Block *blocks = (const Block *)samples;
    const long all = (count + LANES - 1) / LANES;
    const double share = 1.0 / count;
    double loss = 0.0;
    while (steps-- > 0) {
        Gradients sums = {0};
        Vector losses = none, squares = none;
        long k = 0;
        for (; k + TOGETHER <= all; k += TOGETHER)
            losses += add_gradients(parameters, blocks + k, TOGETHER, &sums);
        for (; k < all; k++)
            losses += add_gradients(parameters, blocks + k, 1, &sums);
        for (k = 0; k < COUNT; k += LANES) {
            Anywhere *here = (Anywhere *)(numbers + k);
            squares += *here * *here;
            *here -= rate * (share * lane_sums((Vector *)&sums + k) + 2.0 * penalty * *here);
        }
        loss = 0.0;
        for (int lane = 0; lane < LANES; lane++)
            loss += share * losses[lane] + penalty * squares[lane];
    }
    return loss;
}
