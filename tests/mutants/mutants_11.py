"""Wrong solutions of chapter 11: kernels with one place changed."""

from zoo import kernel_mutant

BEYOND, RACE = "index out of range", "race in shared memory"

# ---- 11.1 softmax_passes ----

PASSES = "11.1 softmax_passes", "softmax_passes"
TOP = "    top = block_max(top, scratch);\n"
kernel_mutant(*PASSES, TOP, "    top = 0.0f;\n", "around -200")
kernel_mutant(
    *PASSES, TOP, TOP + "    top = fmaxf(top, -50.0f);\n", "where does the maximum begin?"
)
kernel_mutant(*PASSES, "j < c; j += BLOCK) sum", "j < c; j += 128) sum", "BLOCK is 64 here")
kernel_mutant(*PASSES, "j < c; j += BLOCK) sum", "j < c; j += 32) sum", "y[0, 0] is")
kernel_mutant(*PASSES, "j < c; j += BLOCK) sum", "j < c; j += c) sum", "thread t takes the numbers")
kernel_mutant(*PASSES, TOP, "    if (threadIdx.x < c) top = block_max(top, scratch);\n",
              "block_max and block_sum hold barriers")  # fmt: skip
kernel_mutant(*PASSES, "top = fmaxf(top, x[j]);", "top = block_max(fmaxf(top, x[j]), scratch);",
              "block_max and block_sum hold barriers")  # fmt: skip
kernel_mutant(*PASSES, "    for (unsigned j = threadIdx.x; j < c; j += BLOCK) y[j]",
              "    if (threadIdx.x == 0) for (unsigned j = 0; j < c; j++) y[j]",
              "brings only 1 of a warp's 32 threads to memory")  # fmt: skip
kernel_mutant(*PASSES, "unsigned j = threadIdx.x; j < c; j += BLOCK) sum",
              "unsigned j = threadIdx.x * ((c + BLOCK - 1) / BLOCK); j < c && "
              "j < (threadIdx.x + 1) * ((c + BLOCK - 1) / BLOCK); j++) sum",
              "sectors for a request of a warp, 5 would do")  # fmt: skip
kernel_mutant(*PASSES, TOP, "", "y[0, 0] is")
kernel_mutant(*PASSES, TOP, "    top = warp_max(top);\n", "Case: x (2, 33)")
kernel_mutant(
    *PASSES, "    sum = block_sum(sum, scratch);\n", "", "Case: x (3, 31) f32, numbers of about 1"
)
kernel_mutant(*PASSES, "j < c; j += BLOCK) top", "j <= c; j += BLOCK) top", BEYOND)
kernel_mutant(*PASSES, "j < c; j += BLOCK) y[j]", "j < c; j += 2 * BLOCK) y[j]", "is nan, want")
kernel_mutant(*PASSES, "y[j] = expf(x[j] - top) / sum", "y[j] = expf(x[j]) / sum", "want 1")
kernel_mutant(*PASSES, "    sum = block_sum(sum, scratch);\n", """    sum = block_sum(sum, scratch);
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) y[j] = x[j];
""", "right, but each number is read 4 times, 3 times is enough")  # fmt: skip

# ---- 11.2 softmax_online ----

ONLINE = "11.2 softmax_online", "softmax_online"
kernel_mutant(*ONLINE, "sum * expf(mine - larger)", "sum", "Look in the step")
kernel_mutant(*ONLINE, "expf(mine - larger)", "expf(larger - mine)",
              "Look in the step")  # fmt: skip
kernel_mutant(*ONLINE, "        mine = larger;\n", "", "y[0, 0] is")
kernel_mutant(*ONLINE, "block_sum(sum * expf(mine - top), scratch)", "block_sum(sum, scratch)",
              "Case: x (3, 31) f32, numbers of about 1")  # fmt: skip
kernel_mutant(*ONLINE, "block_max(mine, scratch)", "mine", "Look in the merging")
kernel_mutant(*ONLINE, "block_sum(sum * expf(mine - top), scratch)", "sum * expf(mine - top)",
              "Look in the merging")  # fmt: skip
kernel_mutant(*ONLINE, "sum * expf(mine - larger) + ", "", "Look in the step")
kernel_mutant(*ONLINE, "fmaxf(mine, x[j])", "fmaxf(fmaxf(mine, 0.0f), x[j])", "around -200")
kernel_mutant(*ONLINE, "mine = larger;", "mine = block_max(larger, scratch);",
              "block_max and block_sum hold barriers")  # fmt: skip
kernel_mutant(*ONLINE, "sum * expf(mine - top)", "sum * expf(top - mine)", "y[0, 0] is")
kernel_mutant(*ONLINE, "    top = block_max(mine, scratch);\n", """    top = block_max(mine, scratch);
    sum = 0.0f;
    for (unsigned j = threadIdx.x; j < c; j += BLOCK) sum += expf(x[j] - top);
    mine = top;
""", "right, but each number is read 3 times, twice is enough")  # fmt: skip

# ---- 11.3 softmax_forward ----

ROW = "11.3 softmax_forward", "softmax_forward"
kernel_mutant(*ROW, TOP, "", "y[0, 0] is")
kernel_mutant(*ROW, TOP, "    top = 0.0f;\n", "around -200")
UNROLL = "#pragma unroll\n    for (int i = 0; i < PER_THREAD; i++) z[i] *= factor;"
kernel_mutant(*ROW, UNROLL, UNROLL.replace("#pragma unroll", ""),
              "the loop of line 24 has no `#pragma unroll` above it")  # fmt: skip
kernel_mutant(
    *ROW,
    "    z[i] = expf(z[i] - top);\n        sum += z[i];",
    "    sum += expf(z[i] - top);\n        z[i] = expf(z[i] - top);",
    "`expf` stands there 2 times, once is enough",
)
kernel_mutant(*ROW, UNROLL, UNROLL.replace("PER_THREAD", "4"), "y[0, 0] is")
kernel_mutant(*ROW, "        z[i] = expf(z[i] - top);\n        sum += z[i];",
              "        sum += expf(z[i] - top);", "y[0, 0] is")  # fmt: skip
kernel_mutant(*ROW, "block_sum(sum, scratch)", "sum", "y[0, 0] is")
kernel_mutant(*ROW, "z[i] *= factor", "y[column(i)] = z[i] * factor", BEYOND)
kernel_mutant(*ROW, "z[i] = expf(z[i] - top);\n", "z[i] = expf(x[column(i)] - top);\n", BEYOND)
kernel_mutant(*ROW, "z[i] = expf(z[i] - top);\n",
              "z[i] = column(i) < c ? expf(x[column(i)] - top) : 0.0f;\n",
              "right, but each number is read 2 times, once is enough")  # fmt: skip
kernel_mutant(*ROW, "i++) z[i] *= factor;", """i++) {
        z[i] *= factor;
        if (column(i) < c) y[column(i)] = z[i];
    }""", "right, but each number is written 2 times")  # fmt: skip

# ---- 11.4 cross_entropy_with_gradient ----

LOSS = "11.4 cross_entropy_with_gradient", "cross_entropy_with_gradient"
kernel_mutant(*LOSS, "(hit ? share : 0.0f)", "(hit ? 1.0f : 0.0f)", "logits[0, ")
kernel_mutant(*LOSS, " - (hit ? share : 0.0f)", "", "logits[0, 0] is 1, want 0")
kernel_mutant(*LOSS, "kept ? share / sum : 0.0f", "share / sum", "logits[1, 0] is")
kernel_mutant(*LOSS, "kept ? share / sum : 0.0f", "kept ? 1.0f / sum : 0.0f", "logits[0, 0] is")
kernel_mutant(*LOSS, "hit = kept && (int)", "hit = (int)", "even where its target is a column")
kernel_mutant(*LOSS, "        if (hit) losses[blockIdx.x]", "        if (kept) losses[blockIdx.x]",
              "by the one thread that holds the target")  # fmt: skip
kernel_mutant(*LOSS, "logf(sum)", "log2f(sum)", "by the one thread that holds the target")
LAST = "#pragma unroll\n    for (int i = 0; i < PER_THREAD; i++) {\n        bool hit"
kernel_mutant(*LOSS, LAST, LAST.replace("#pragma unroll", ""), "has no `#pragma unroll` above it")
kernel_mutant(
    *LOSS,
    "    sum = block_sum(sum, scratch);\n",
    "    sum = block_sum(sum, scratch);\n"
    "    at_target = block_sum(at_target, scratch);\n    if (kept) losses[blockIdx.x] = "
    "(logf(sum) - at_target) * share;\n",
    "the losses are written",
)
kernel_mutant(*LOSS, "(logf(sum) - at_target)", "(logf(sum) + at_target)", "losses[0] is")
kernel_mutant(*LOSS, "at_target = z[i] - top", "at_target = z[i]", "losses[0] is")
kernel_mutant(*LOSS, "(logf(sum) - at_target) * share", "logf(sum) - at_target", "losses[0] is")
kernel_mutant(*LOSS, "        if (hit) losses", "        losses", "losses[0] is")
kernel_mutant(
    *LOSS, "        if ((int)column(i) == target) at_target = z[i] - top;\n", "", "losses[0] is"
)
kernel_mutant(*LOSS, "if ((int)column(i) == target) at_target = z[i] - top;",
              "at_target = logits[target] - top;", "race in global memory between blocks")  # fmt: skip

# ---- 11.5 adamw_tensor ----

TENSOR = "11.5 adamw_tensor", "adamw_tensor"
kernel_mutant(*TENSOR, "    if (i >= n) return;\n", "", BEYOND)
kernel_mutant(*TENSOR, "grads[i] * clip", "grads[i]", "m[0] is")
kernel_mutant(*TENSOR, "grads[i] * clip", "grads[i] * clip + weight_decay * params[i]", "m[0] is")
kernel_mutant(*TENSOR, "(g * g - v[i])", "(g - v[i])", "v[0] is")
kernel_mutant(*TENSOR, "    v[i] = vi;\n", "", "v[0] is")
kernel_mutant(*TENSOR, "lr / correction1 * mi", "lr * mi", "params[0] is")
kernel_mutant(*TENSOR, "sqrtf(vi / correction2) + eps", "sqrtf(vi / correction2 + eps)",
              "gradients of about 1e-08")  # fmt: skip
kernel_mutant(*TENSOR, "sqrtf(vi / correction2) + eps", "sqrtf(vi / correction2)",
              "gradients of about 1e-08")  # fmt: skip
kernel_mutant(*TENSOR, "blockIdx.x * BLOCK", "blockIdx.x * 128", "BLOCK is 64 here")
kernel_mutant(*TENSOR, "(1.0f - lr * weight_decay)", "(1.0f - weight_decay)", "params[0] is")

# ---- 11.6 squared_norm ----

NORM = "11.6 squared_norm", "squared_norm"
LEFT = "    if (4 * quads + first < n) sum += x[4 * quads + first] * x[4 * quads + first];\n"
kernel_mutant(*NORM, LEFT, "", "the sum of parts is 0, want 36")
kernel_mutant(*NORM, LEFT, LEFT.replace("first", "threadIdx.x"), "the sum of parts is")
kernel_mutant(*NORM, "v.w * v.w", "v.w", "the sum of parts is")
kernel_mutant(*NORM, "i < quads", "i < n", BEYOND)
kernel_mutant(*NORM, "i += threads", "i += BLOCK", "goes on by `threads`")
kernel_mutant(*NORM, "i += threads", "i += 128 * gridDim.x", "BLOCK is 64 here")
kernel_mutant(*NORM, "+= x[4 * quads + first] * x[4 * quads + first]", "+= x[4 * quads + first]",
              "each number is squared by itself")  # fmt: skip
kernel_mutant(*NORM, """float4 v = ((const float4*)x)[i];
        sum += (v.x * v.x + v.y * v.y) + (v.z * v.z + v.w * v.w);""",
              "for (int k = 0; k < 4; k++) sum += x[4 * i + k] * x[4 * i + k];",
              "elements are loaded one by one, only 0 have to be")  # fmt: skip

# ---- 11.7 clip_coefficient ----

CLIP = "11.7 clip_coefficient", "clip_coefficient"
HALT = "    if (!(norm <= 3.4e38f)) state[HALTED] = 1.0f;  // NaN compares as false\n"
kernel_mutant(*CLIP, "sqrtf(norm2[0])", "norm2[0]", "state[GRAD_NORM] is 4, want 2")
kernel_mutant(*CLIP, "(norm + 1e-6f)", "norm", "Case: norm2 = 1e-12, max_norm = 1e-06")
kernel_mutant(*CLIP, "(norm + 1e-6f)", "fmaxf(norm, 1e-6f)", "state[CLIP] is 1, want 0.5")
kernel_mutant(*CLIP, "3.4e38f", "1e15f", "state[HALTED] is 1, want 0. Case: norm2 = 3e+38")
kernel_mutant(
    *CLIP,
    "    state[GRAD_NORM] = norm;\n",
    "    if (!(norm <= 3.4e38f)) { state[HALTED] = 1.0f; return; }\n    state[GRAD_NORM] = norm;\n",
    "state[GRAD_NORM] is 7, want inf",
)
kernel_mutant(*CLIP, "fminf(1.0f, max_norm / (norm + 1e-6f))", "max_norm / (norm + 1e-6f)",
              "state[CLIP] is 2, want 1")  # fmt: skip
kernel_mutant(*CLIP, "max_norm / (norm + 1e-6f)", "norm / max_norm", "state[CLIP] is 1, want 0.5")
kernel_mutant(*CLIP, "    state[GRAD_NORM] = norm;\n", "", "state[GRAD_NORM] is 7, want 2")
kernel_mutant(*CLIP, HALT, "", "state[HALTED] is 0, want 1. Case: norm2 = inf")
kernel_mutant(*CLIP, HALT, HALT.replace("!(norm <= 3.4e38f)", "norm > 3.4e38f"),
              "state[HALTED] is 0, want 1. Case: norm2 = nan")  # fmt: skip
kernel_mutant(*CLIP, HALT, "    state[HALTED] = norm <= 3.4e38f ? 0.0f : 1.0f;\n",
              "state[HALTED] is 0, want 1. Case: norm2 = 4, max_norm = 1, state[HALTED] = 1")  # fmt: skip

# ---- 11.8 adamw ----

FLAT = "11.8 adamw", "adamw"
kernel_mutant(*FLAT, "grad * state[CLIP]", "grad", "m[0] is")
kernel_mutant(*FLAT, "if (i < n_decay) p", "p", "element i decays if i < n_decay")
kernel_mutant(*FLAT, "if (i < n_decay) p", "if (4 * (i / 4) < n_decay) p", "params[1] is")
kernel_mutant(*FLAT, "if (i < n_decay) p", "if (i <= n_decay) p", "params[1] is")
kernel_mutant(*FLAT, "update(4 * i + 1,", "update(4 * i,", "params[97] is")
kernel_mutant(*FLAT, "        update(4 * i + 3, g4.w, p4.w, m4.w, v4.w);\n", "", "m[3] is")
kernel_mutant(*FLAT, "g4.z, p4.z, m4.z, v4.z", "g4.z, p4.z, m4.z, v4.y", "v[1] is")
kernel_mutant(*FLAT, "(g * g - vi)", "(grad * grad - vi)", "v[0] is")
kernel_mutant(*FLAT, "lr / correction1 * mi", "lr * mi", "params[0] is")
EPS = "sqrtf(vi / correction2) + eps"
kernel_mutant(*FLAT, EPS, "sqrtf(vi / correction2)", "gradients of about 1e-08")
kernel_mutant(*FLAT, EPS, "sqrtf(vi / correction2 + eps)", "so small that eps decides")
kernel_mutant(*FLAT, EPS, "(sqrtf(vi) + eps) / sqrtf(correction2)", "gradients of about 1e-08")
kernel_mutant(*FLAT, EPS, "fmaxf(sqrtf(vi / correction2), eps)", "gradients of about 1e-08")
kernel_mutant(*FLAT, EPS, "sqrtf(vi / correction2) + (vi > 0.0f ? eps : 0.0f)",
              "gradients and moments 0")  # fmt: skip
