// One time step of a recurrent layer in one direction: what the input adds to the gates has been computed for all steps by
// a product. A warp has a unit of a sequence of the batch: its lanes share the rows of the recurrence matrix.
#include "operation.h"

struct Recurrent {
	const float *gates;       // of this step: [batch, gates * hidden], biases of the input included
	const float *weights;     // R: [gates * hidden, hidden]
	const float *bias;        // of the recurrence: [gates * hidden]; null is zero
	const float *peephole;    // LSTM: [3 * hidden], of the gates i, o, f; null is none
	const float *hidden_in, *cell_in;  // [batch, hidden]
	float *hidden_out, *cell_out, *out;  // [batch, hidden]; out is the layer's output of this step
	const int32 *lengths;     // of the sequences; null: all are whole
	int32 batch, hidden, step, linear_before_reset;
	int32 gates_stride, out_stride, input_forget, pad;  // strides of a sequence of the batch, in elements
	int32 function[3];
	float alpha[3], beta[3], clip;  // clip 0: none
};

INLINE int lane() { return (int)thread() % 32; }
INLINE int unit() { return (int)(block_x() * (threads() / 32) + thread() / 32); }

INLINE float limited(const Recurrent &p, float v) { return p.clip == 0 ? v : v < -p.clip ? -p.clip : v > p.clip ? p.clip : v; }
INLINE float activated(const Recurrent &p, int which, float v) {
	return activate(limited(p, v), p.function[which], p.alpha[which], p.beta[which]);
}

// The unit's row of the recurrence matrix times the state. Every lane gets the sum.
INLINE float recurrence(const Recurrent &p, const float *state, int row) {
	const float *w = p.weights + (int64)row * p.hidden;
	float v = 0;
	for (int i = lane(); i < p.hidden; i += 32) v = __builtin_fmaf(w[i], state[i], v);
#pragma unroll
	for (int mask = 16; mask; mask /= 2) v += shuffle_xor(v, mask);
	return p.bias ? v + p.bias[row] : v;
}

// A sequence that has ended keeps its state and gives zeros.
INLINE bool ended(const Recurrent &p, int b, int u) {
	if (!p.lengths || p.step < p.lengths[b]) return false;
	if (lane()) return true;
	p.hidden_out[b * p.hidden + u] = p.hidden_in[b * p.hidden + u];
	if (p.cell_out) p.cell_out[b * p.hidden + u] = p.cell_in[b * p.hidden + u];
	p.out[(int64)b * p.out_stride + u] = 0;
	return true;
}

// Gates in the order i, o, f, c.
KERNEL(128) lstm_f32(const Recurrent p) {
	int t = unit();
	if (t >= p.batch * p.hidden) return;
	int b = t / p.hidden, u = t % p.hidden, h = p.hidden;
	if (ended(p, b, u)) return;
	const float *x = p.gates + (int64)b * p.gates_stride, *state = p.hidden_in + b * h;
	float cell = p.cell_in[t];
	const float *peep = p.peephole;
	float i = activated(p, 0, x[u] + recurrence(p, state, u) + (peep ? peep[u] * cell : 0));
	float f = p.input_forget ? 1 - i : activated(p, 0, x[2 * h + u] + recurrence(p, state, 2 * h + u) + (peep ? peep[2 * h + u] * cell : 0));
	float c = f * cell + i * activated(p, 1, x[3 * h + u] + recurrence(p, state, 3 * h + u));
	float o = activated(p, 0, x[h + u] + recurrence(p, state, h + u) + (peep ? peep[h + u] * c : 0));
	float v = o * activate(c, p.function[2], p.alpha[2], p.beta[2]);  // not limited, as in ONNX Runtime
	if (lane()) return;
	p.cell_out[t] = c;
	p.hidden_out[t] = v;
	p.out[(int64)b * p.out_stride + u] = v;
}

// Gates in the order z, r, h. A reset before the product needs the reset states of all units: the first kernel makes
// them, in cell_out.
KERNEL(128) gru_reset_f32(const Recurrent p) {
	int t = unit();
	if (t >= p.batch * p.hidden) return;
	int b = t / p.hidden, u = t % p.hidden, h = p.hidden;
	const float *x = p.gates + (int64)b * p.gates_stride, *state = p.hidden_in + b * h;
	float r = activated(p, 0, x[h + u] + recurrence(p, state, h + u));
	if (lane() == 0) p.cell_out[t] = r * state[u];
}
KERNEL(128) gru_f32(const Recurrent p) {
	int t = unit();
	if (t >= p.batch * p.hidden) return;
	int b = t / p.hidden, u = t % p.hidden, h = p.hidden;
	const float *x = p.gates + (int64)b * p.gates_stride, *state = p.hidden_in + b * h;
	if (ended(p, b, u)) return;
	float z = activated(p, 0, x[u] + recurrence(p, state, u));
	float n;
	if (p.linear_before_reset) {
		float r = activated(p, 0, x[h + u] + recurrence(p, state, h + u));
		n = x[2 * h + u] + r * recurrence(p, state, 2 * h + u);
	} else {
		n = x[2 * h + u] + recurrence(p, p.cell_in + b * h, 2 * h + u);
	}
	float v = (1 - z) * activated(p, 1, n) + z * state[u];
	if (lane()) return;
	p.hidden_out[t] = v;
	p.out[(int64)b * p.out_stride + u] = v;
}

KERNEL(128) rnn_f32(const Recurrent p) {
	int t = unit();
	if (t >= p.batch * p.hidden) return;
	int b = t / p.hidden, u = t % p.hidden;
	if (ended(p, b, u)) return;
	const float *x = p.gates + (int64)b * p.gates_stride, *state = p.hidden_in + b * p.hidden;
	float v = activated(p, 0, x[u] + recurrence(p, state, u));
	if (lane()) return;
	p.hidden_out[t] = v;
	p.out[(int64)b * p.out_stride + u] = v;
}
