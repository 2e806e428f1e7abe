# %% [markdown] id="title"
# # 07 Build a Transformer
#
# `The light went over the ...` What comes next? Whoever sees only the last word, `the`, cannot say: it
# may be harbour, bread or dog. `light` and `over`, a few tokens back, decide. A Transformer lets every
# token look back at those before it, and learns where to look.
#
# **What you build.** Attention with its gradient, and on it a GPT, the model of this course, in a small
# size that trains here in seconds, with your attention on its path.
#
# **What you can do afterwards.** You can
# - explain queries, keys and values as a lookup that has slopes;
# - say why scores are masked and scaled, and measure what goes wrong without;
# - write causal attention of many heads, and its gradient;
# - assemble a GPT from a few modules, and test it on one batch first;
# - count its parameters and its arithmetic;
# - draw text from it with temperature, top-k and top-p.
#
# **What you need.** Chapters 02 to 06. No GPU. About two hours.

# %% id="setup"
import matplotlib.pyplot as plt
import numpy as np

import mlstack_lib as ml
from mlstack_lib import nn, ops, reference
from mlstack_lib.backend import calls
from mlstack_lib.course import agree, figures, use
from mlstack_lib.course.exercises import chapter_07 as given
from mlstack_lib.course.exercises.chapter_06 import count_model
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.attention import draw_attention
from mlstack_lib.course.pictures.losses import draw_losses
from mlstack_lib.course.pictures.transformer import draw_transformer
from mlstack_lib.course.texts import HARBOUR
from mlstack_lib.data import BatchSampler, validation_windows
from mlstack_lib.generate import choose
from mlstack_lib.optim import cosine
from mlstack_lib.presets import preset
from mlstack_lib.tokenizer import Tokenizer

figures.style()

# %% [markdown] id="hard-lookup"
# ## 1. A lookup with slopes
#
# A Python dictionary holds **keys**, each with a **value**; you come with a **query** and get the value
# of the key that equals it. Let all three be arrays. Two arrays are hardly ever equal, so take the key
# that fits best: the one with the largest dot product with the query, the **score**.

# %% id="hard-lookup-code"
keys = np.array([[3.0, 0.0], [-1.5, 2.6], [-1.5, -2.6]])  # three directions in the plane
values = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])

query = np.array([0.8, 0.6])
scores = keys @ query
print("scores", scores.round(2), "  best key", scores.argmax(), "  value", values[scores.argmax()])

# %% [markdown] id="lookup"
# This cannot learn. Move the query a little: the same key wins, the same value comes back, the slope
# is 0. So do not choose: **mix**. Softmax makes positive weights of the scores, with sum 1, and the
# result is the sum of all values, each times its weight.
#
# ### Exercise 7.1: lookup
#
# Write `lookup(query, keys, values)`.
#
# - `query` (D,), `keys` (n, D), `values` (n, E), float64.
# - Returns two arrays: the result (E,), and the weights (n,).
# - Example: if all keys are equal, the weights are too, and the result is the mean of the values.
#
# <details><summary>Hint</summary>
#
# `keys @ query` are all scores at once, and `reference.softmax_forward(x)` is the softmax of chapter 03.
# A sum of rows, each times its weight, is a product of a vector and a matrix.
#
# </details>

# %% id="lookup-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_07.py:lookup

# %% id="lookup-check"
lookup_ = use("7.1 lookup", lookup, given.lookup)

# %% [markdown] id="lookup-turn"
# What happens between two keys? Turn the query once around:

# %% id="lookup-figure"
angles = np.linspace(0, 360, 181)
queries = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
weights = np.array([lookup_(query, keys, values)[1] for query in queries])

figure, axes = plt.subplots(figsize=(5.6, 2.3))
axes.plot(angles, weights, label=[f"key at {angle}" for angle in (0, 120, 240)])
for angle in (60, 180, 300):
    axes.axvline(angle, color="#888888", ls=":")
axes.set(xlabel="direction of the query (degrees)", ylabel="weight", xticks=range(0, 361, 60))
figure.legend(loc="outside upper center", ncols=3)
show(figure, "Figure {figure:lookup}. The weights of three keys while the query turns: they pass smoothly from "
     "key to key. The hard choice jumps at the dotted lines, and has slope 0 everywhere else.")  # fmt: skip

# %% [markdown] id="self-attention"
# ## 2. Every token asks
#
# A text of $T$ tokens is an array $x$ of shape (T, C): each token has a row of $C$ numbers, its **channels**.
# From its own row it makes three things, by three linear layers: a query, *what do I look for*; a key,
# *what can I be found by*; and a value, *what do I pass on*. Then it looks up its query among the keys
# of all tokens. This is **self-attention**. The layers are learnt, and so is where each token looks.
#
# **Predict before you run.** The last token is replaced by another. Which rows of the result change?

# %% id="self-attention-code"
rng = np.random.default_rng(0)
x = rng.standard_normal((4, 8))  # four tokens
wq, wk, wv = rng.standard_normal((3, 8, 8)) / 8**0.5  # weights (out, in)


def look_everywhere(x):
    q, k, v = x @ wq.T, x @ wk.T, x @ wv.T
    return np.stack([lookup_(query, k, v)[0] for query in q])


other = x.copy()
other[-1] = rng.standard_normal(8)
print("row changed:", (look_everywhere(x) != look_everywhere(other)).any(axis=1))

# %% [markdown] id="mask"
# All of them. For our task this is fatal. The target at token $i$ is token $i + 1$, and token $i$ may look
# at it: the model would learn to copy the answer, and when it writes there is none to copy.
#
# So token $i$ may see tokens $0$ to $i$ only: attention is then called **causal**. The scores of later
# tokens are set to $-\infty$ *before* the softmax. Their weights are then exactly 0, and the others
# still have the sum 1. A score of 0 would not do: $e^0 = 1$.
#
# ## 3. Keep the scores small
#
# **Predict before you run.** The numbers in $q$ and $k$ are random, with deviation 1. How large is
# $q \cdot k$ typically, with $D = 4$ numbers in each, and with $D = 256$?

# %% id="scale"
rng = np.random.default_rng(0)
sizes, raw, scaled = [4, 16, 64, 256], [], []
for d in sizes:
    q, k = rng.standard_normal((500, d)), rng.standard_normal((32, d))
    g = rng.standard_normal((500, 32))
    for rows, scores in [(raw, q @ k.T), (scaled, q @ k.T / d**0.5)]:
        weights = reference.softmax_forward(scores)
        gradient = np.abs(reference.softmax_backward(g, weights)).sum(axis=1).mean()
        rows.append((scores.std(), weights.max(axis=1).mean(), gradient))
    print(f"D = {d:3}   deviation {raw[-1][0]:5.2f}   largest of 32 weights {raw[-1][1]:.2f}   "
          f"gradient {raw[-1][2]:.2f}, with the scale {scaled[-1][2]:.2f}")  # fmt: skip

figure, panels = plt.subplots(1, 2, figsize=(6.0, 2.3))
for column, axes in enumerate(panels):
    for name, rows, marker in [("q . k", raw, "o"), ("q . k / sqrt(D)", scaled, "s")]:
        axes.plot(sizes, [row[column] for row in rows], marker=marker, label=name)
    axes.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="D")
    axes.minorticks_off()
panels[0].set(ylabel="deviation of the scores", ylim=0)
panels[1].set(ylabel="largest of 32 weights", ylim=(0, 1))
panels[0].legend()
show(figure, "Figure {figure:scale}. Scores of random queries and keys of size D, and what softmax makes "
     "of them. Plain, they grow until one weight takes nearly all; divided by sqrt(D), they do not.")  # fmt: skip

# %% [markdown] id="scale-why"
# $q \cdot k$ is a sum of $D$ products, each of mean 0 and variance 1. Variances of independent numbers
# add: the sum has variance $D$, and deviation $\sqrt D$. Softmax of such scores is nearly the hard choice
# of section 1, and has its fault: less and less gradient comes back. Divided by $\sqrt D$, the scores have
# deviation 1 for any $D$ (figure {figure:scale}).
#
# ### Exercise 7.2: causal scores
#
# Write `causal_scores(q, k)`: $q_i \cdot k_j / \sqrt D$ in row $i$, column $j$, and $-\infty$ where $j > i$.
#
# - `q`, `k` (..., T, D): there may be more axes in front. Returns scores (..., T, T) of the same dtype.
#
# <details><summary>Hint 1: the products</summary>
#
# `@` works on the last two axes. `k.swapaxes(-1, -2)` transposes these two and leaves the others.
#
# </details>
# <details><summary>Hint 2: the mask</summary>
#
# `np.tri(t, dtype=bool)` is True on and below the diagonal; `np.where(mask, a, b)` takes `a` where it is.
#
# </details>

# %% id="scores-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_07.py:causal_scores

# %% id="scores-check"
causal_scores_ = use("7.2 causal scores", causal_scores, given.causal_scores)

# %% id="scores-look"
scores = causal_scores_(x @ wq.T, x @ wk.T)
print("scores\n", scores.round(2), "\nweights\n", reference.softmax_forward(scores).round(2))

# %% [markdown] id="heads"
# Read the weights by rows: the first token sees itself alone, the last one all four.
#
# ## 4. Many heads, one array
#
# One lookup gives a token one mixture. But `lit` may want to know who lit *and* what. So the $C$ channels
# are divided among $H$ **heads**, each with $D = C / H$ of them and a lookup of its own. The results are put
# side by side; the products cost no more.
#
# One linear layer with $3C$ outputs makes queries, keys and values for all heads. Its result for $B$
# texts, seen as (B, T, 3, H, D), we call `qkv`. For the products, heads must come before tokens:

# %% id="heads-code"
# quote mlstack_lib/course/exercises/chapter_07.py:heads_first


# quote mlstack_lib/course/exercises/chapter_07.py:pack


channels = np.array([[0, 1, 2, 3], [10, 11, 12, 13], [20, 21, 22, 23]])  # 3 tokens, 4 channels
print("head 0, axes swapped:", channels.reshape(3, 2, 2).swapaxes(0, 1)[0].tolist())
print("head 0, reshape only:", channels.reshape(2, 3, 2)[0].tolist())

# %% [markdown] id="forward"
# A reshape alone gives the right shape and the wrong content: the second row of that head is the
# other half of token 0. Nothing crashes.
#
# Write $S$ for the scores of a head and $P$ for their softmax. We also want the log-sum-exp of chapter 03,
# $\mathrm{lse}_i = \log \sum_j e^{S_{ij}}$: one number a row, with which $P_{ij} = e^{S_{ij} - \mathrm{lse}_i}$.
# Section 5 needs it.
#
# ### Exercise 7.3: attention forward
#
# Write `attention_forward(qkv)`, causal attention of all heads.
#
# - `qkv` (B, T, 3, H, D). Returns `out` (B, T, H, D) and `lse` (B, H, T), of the same dtype.
# - For each head: $\mathrm{out} = P V$, with the values $V$ (T, D).
# - Scores may be as large as 1000: take each row's maximum off before `exp`.
#
# <details><summary>Hint 1: the plan</summary>
#
# `heads_first`, `causal_scores_`, the maximum `top` of each row, `lse`, `np.exp(scores - lse) @ v`, and the
# axes back. With `keepdims=True`, `top` and `lse` are (B, H, T, 1), which fits `scores`.
#
# </details>
# <details><summary>Hint 2: lse</summary>
#
# `lse = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))`; return `lse[..., 0]`.
#
# </details>


# %% id="forward-stub" tags=["exercise"]
def attention_forward(qkv):
    """Causal attention of packed qkv (B, T, 3, H, D): out (B, T, H, D), lse (B, H, T)."""
    ### BEGIN SOLUTION
    q, k, v = heads_first(qkv)
    scores = causal_scores_(q, k)
    top = scores.max(axis=-1, keepdims=True)
    lse = top + np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))
    out = np.exp(scores - lse) @ v
    return out.swapaxes(1, 2), lse[..., 0]
    ### END SOLUTION


# %% id="forward-check"
attention_forward_ = use("7.3 attention forward", attention_forward, reference.attention_forward)

# %% [markdown] id="forward-after"
# Now the experiment of section 2 again, with the mask, and the size of $P$ in the course's large model,
# the preset `12m`:

# %% id="forward-code"
qkv = np.random.default_rng(0).standard_normal((1, 4, 3, 2, 8))
other = qkv.copy()
other[:, -1] += 1.0
changed = attention_forward_(qkv)[0] != attention_forward_(other)[0]
print("row changed:", changed.any(axis=(0, 2, 3)))

large = preset("12m")
rows = large.batch * large.n_head * large.context  # of all heads, in one layer
print(f"P of one layer of 12m: {rows * large.context * 4 / 1e6:.1f} MB in f32")
print(f"lse: {rows * 4 / 1e6:.1f} MB")

# %% [markdown] id="backward"
# ## 5. The way back
#
# $P$ grows with the square of $T$. So we keep `lse` instead, and compute $P = e^{S - \mathrm{lse}}$ a second
# time when the gradient comes. Chapter 12 rests on this.
#
# For one head, write $dX$ for the gradient of $X$, and $O = PV$ for its result. The rule for products
# (chapter 02) and the vjp of softmax (chapter 03) give, one after the other,
#
# $$dV = P^T dO, \qquad dP = dO\,V^T, \qquad dS_{ij} = P_{ij} \Bigl(dP_{ij} - \sum_m P_{im}\,dP_{im}\Bigr).$$
#
# The sum looks as if it needed whole rows of $P$ and $dP$. It does not, since $dP_{im} = dO_i \cdot V_m$:
#
# $$\sum_m P_{im}\,(dO_i \cdot V_m) = dO_i \cdot \sum_m P_{im} V_m = dO_i \cdot O_i,$$
#
# one number a row, called **delta**. Last, $S = QK^T / \sqrt D$ gives
#
# $$dQ = dS\,K / \sqrt D, \qquad dK = dS^T Q / \sqrt D.$$
#
# The mask needs no rule: where $P$ is 0, so is $dS$.
#
# ### Exercise 7.4: attention backward
#
# Write `attention_backward(dout, qkv, out, lse)`.
#
# - `dout`, `out` (B, T, H, D), `qkv` (B, T, 3, H, D), `lse` (B, H, T). Returns `dqkv`, of the shape and dtype of `qkv`.
# - `pack(dq, dk, dv)`, above, takes three arrays (B, H, T, D).
#
# <details><summary>Hint 1: axes</summary>
#
# `do = dout.swapaxes(1, 2)` brings heads to the front. Delta is `(dout * out).sum(axis=-1)`, (B, T, H); it
# needs the same swap, and `[..., None]` to fit the scores. So does `lse`.
#
# </details>
# <details><summary>Hint 2: transposes</summary>
#
# $P^T$ is `p.swapaxes(2, 3)`.
#
# </details>


# %% id="backward-stub" tags=["exercise"]
def attention_backward(dout, qkv, out, lse):
    """The gradient of attention_forward for qkv, packed likewise."""
    ### BEGIN SOLUTION
    (q, k, v), do = heads_first(qkv), dout.swapaxes(1, 2)
    p = np.exp(causal_scores_(q, k) - lse[..., None])
    delta = (dout * out).sum(axis=-1).swapaxes(1, 2)[..., None]
    ds = p * (do @ v.swapaxes(2, 3) - delta) / q.shape[-1] ** 0.5
    return pack(ds @ k, ds.swapaxes(2, 3) @ q, p.swapaxes(2, 3) @ do)
    ### END SOLUTION


# %% id="backward-check"
attention_backward_ = use(
    "7.4 attention backward", attention_backward, reference.attention_backward
)

# %% id="gradcheck"
# slopes measured as in chapter 02; within `override`, your functions serve the op `attention`
mine = {"attention_forward": attention_forward_, "attention_backward": attention_backward_}
with ml.override(**mine):
    worst = ml.gradcheck(ops.attention, np.random.default_rng(1).standard_normal((2, 5, 3, 2, 3)))
print("measured slopes agree to 1e-8:", worst < 1e-8)

# %% [markdown] id="block"
# ## 6. The block, and the whole model
#
# What surrounds attention in the package is two linear layers:
#
# quote mlstack_lib/nn.py:Attention.forward
#
# Attention moves information **between** tokens. What happens to it **within** a token is the work of a
# small network, `nn.MLP`: to four times the width, gelu, and back. Both are branches of the stream `x`, with
# pre-norm (chapter 04). The model's **head** (not one of attention's), a last linear layer, uses the weight of the token embedding again: a
# token's score is the dot product of its embedding and the final $x$.

# %% id="model-figure"
show(draw_transformer(), "Figure {figure:model}. The GPT. Left: embeddings, blocks, LayerNorm, head. Right: "
     "one block reads the stream twice, and twice adds to it; only attention mixes tokens.")  # fmt: skip


# %% id="model-code"
class Block(nn.Module):
    def __init__(self, channels, heads, rng):
        self.ln_1, self.ln_2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attn = nn.Attention(channels, heads, rng=rng)
        self.mlp = nn.MLP(channels, rng=rng)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, config, rng):
        self.wte = nn.Embedding(config.vocab_size, config.n_embd, rng=rng)  # tokens
        self.wpe = nn.Embedding(config.context, config.n_embd, rng=rng)  # positions
        self.h = [Block(config.n_embd, config.n_head, rng) for _ in range(config.n_layer)]
        self.ln_f = nn.LayerNorm(config.n_embd)

    def forward(self, idx):  # (B, T) -> logits (B, T, V)
        x = self.wte(idx) + self.wpe(np.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        return ops.linear(self.ln_f(x), self.wte.weight)


# %% [markdown] id="positions"
# Why embed positions? **Predict before you run:** a token looks back at `dog bites man`, then at `man bites
# dog`, in one attention without positions. Does it notice?

# %% id="positions-code"
shuffled = qkv[:, [2, 1, 0, 3]]  # the first and the third of four tokens swapped
same = agree(attention_forward_(qkv)[0][:, -1], attention_forward_(shuffled)[0][:, -1], 1e-12)
print("the last token gets the same result:", same)

config = ml.GPTConfig(vocab_size=512, context=32, n_layer=2, n_head=2, n_embd=32)
packaged = ml.GPT(config, rng=np.random.default_rng(0))
model = Transformer(config, np.random.default_rng(0))
model.load_state_dict(packaged.state_dict())

idx = np.random.default_rng(1).integers(0, 512, (3, 32))
same = agree(model(idx).numpy(), packaged(idx).numpy(), within=1e-5)
print("your model and ml.GPT, with the same weights, agree:", same)

# %% [markdown] id="positions-after"
# A sum has no order; so each token is told its place before the first block.
#
# `ml.GPT` does the same in fewer passes over memory: a block hands what is to be added last, `delta`, to
# the LayerNorm that follows, which adds and normalises in one go.
#
# quote mlstack_lib/nn.py:Block.forward
#
# It also starts with smaller weights where a block adds to the stream, so that $x$ does not grow with
# the number of blocks (Radford and others 2019, section 2.3). You have just loaded these.
#
# ## 7. Where the numbers are
#
# ### Exercise 7.5: count parameters
#
# Write `count_parameters(vocab_size, context, n_layer, n_embd)`: how many numbers such a GPT trains.
#
# - Four whole numbers in, one out. `count_parameters(512, 32, 2, 32)` is `42880`.
# - A linear layer from K to M has a weight (M, K) and a bias (M,); a LayerNorm two vectors (C,).
#
# <details><summary>Hint</summary>
#
# Two embeddings. In each block: C to 3C, C to C, C to 4C, 4C to C, and two LayerNorms. One more at the
# end. The head has nothing of its own; nor does it matter how many heads attention has.
#
# </details>

# %% id="count-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_07.py:count_parameters

# %% id="count-check"
count_parameters_ = use("7.5 count parameters", count_parameters, given.count_parameters)

# %% [markdown] id="flops"
# Now the arithmetic. One multiplication or addition is a **FLOP**, a floating-point operation. For each
# token, every number of a weight is multiplied once and added once: 2 FLOPs. Scores and mixtures have no
# weights; for a token that sees $s$ tokens they take $2Cs$ FLOPs each, and $s$ is $(T + 1) / 2$ on average.

# %% id="flops-code"
V, T, L, C = large.vocab_size, large.context, large.n_layer, large.n_embd
parts = {  # parameters, and FLOPs for one token, forwards
    "token embedding, head": (V * C, 2 * V * C),
    "position embedding": (T * C, 0),
    "linear layers of attention": (L * (4 * C * C + 4 * C), L * 2 * 4 * C * C),
    "scores and mixtures": (0, L * 2 * 2 * C * (T + 1) / 2),
    "MLP": (L * (8 * C * C + 5 * C), L * 2 * 8 * C * C),
    "LayerNorm": ((2 * L + 1) * 2 * C, 0),
}
parameters, flops = (sum(column) for column in zip(*parts.values(), strict=True))
for name, (p, f) in parts.items():
    shares = f"{p / parameters:6.1%}   {f / 1e6:6.2f} MFLOP {f / flops:6.1%}"
    print(f"{name:27} {p / 1e6:6.2f} M {shares}")
print(f"{'together':27} {parameters / 1e6:6.2f} M          {flops / 1e6:6.2f} MFLOP")
print("as by count_parameters:", parameters == count_parameters_(V, T, L, C))

tokens = large.steps * large.batch * large.context
print(f"FLOPs of a token / parameters: {flops / parameters:.2f}")
total = 6 * parameters * tokens
print(f"training on {tokens / 1e6:.1f} M tokens: 6 * parameters * tokens = {total:.1e} FLOPs")
for rate in (1e11, 1e13):
    print(f"at {rate:.0e} FLOPs a second that takes {total / rate / 3600:.1f} hours")

# %% [markdown] id="flops-after"
# More than half of the parameters sit in the MLPs. What grows with the context, scores and mixtures, is
# a small share at this size.
#
# So a token costs about 2 FLOPs a parameter forwards. Backwards, each product needs two others, one for the gradient
# of its input and one for that of its weight: 4 more, together 6 (Kaplan and others 2020, who leave the
# embeddings out). A few processor cores do about 1e11, a GPU
# 1e13 or more: this is why chapters 08 to 14 exist.
#
# ## 8. Train it: one batch first
#
# Text, tokenizer and split by document are those of chapter 06; the model has the sizes of the preset `tiny`.

# %% id="text"
stories = HARBOUR.strip().split("\n\n")
train_stories = [story for i, story in enumerate(stories) if i % 7 != 6]
valid_stories = stories[6::7]
tokenizer = Tokenizer.train(train_stories, config.vocab_size)


def encode_all(documents):
    ids = [np.append(tokenizer.encode(text), tokenizer.end_of_text) for text in documents]
    return np.concatenate(ids).astype(np.uint16)


train_ids, valid_ids = encode_all(train_stories), encode_all(valid_stories)
print(f"{len(train_ids):,} tokens to train on, {len(valid_ids)} for validation")
print(f"parameters: {count_parameters_(512, 32, 2, 32):,}")

# %% [markdown] id="one-batch"
# Before any long run, two tests that cost a second:
#
# 1. An untrained model knows nothing: its loss should be near $\log V$, that of a guess among $V$ tokens
#    ($V$ is the size of the vocabulary again).
# 2. A model that sees **one batch again and again** should learn it by heart. If it cannot, something is
#    broken, and more data will not mend it.


# %% id="train-code"
def train(model, batches, rate):
    """Make one update for each batch; yields the loss before it."""
    optimizer = ml.AdamW(model, betas=(0.9, 0.99), max_norm=1.0)
    for step, (idx, targets) in enumerate(batches, 1):
        optimizer.lr = rate(step)
        optimizer.zero_grad()
        loss = ops.cross_entropy(model(idx), targets)
        loss.backward()
        optimizer.step()
        yield loss.item()


def new_model():
    model = Transformer(config, np.random.default_rng(0))
    model.load_state_dict(ml.GPT(config, rng=np.random.default_rng(0)).state_dict())
    return model


# %% id="one-batch-code"
batch = BatchSampler(train_ids, 8, config.context, np.random.default_rng(0)).next()
with ml.override(**mine):
    losses = list(train(new_model(), [batch] * 60, lambda step: 1e-2))
print("the first loss is within 0.1 of log V:", abs(losses[0] - np.log(config.vocab_size)) < 0.1)
print("one batch is learnt, loss below 0.1:", losses[-1] < 0.1)

# %% [markdown] id="path"
# Now 20 different batches, twice: your model on your attention, and `ml.GPT` on the package's, which is
# written for speed. Was yours really called? The package counts:


# %% id="path-code"
def batches(steps):
    sampler = BatchSampler(train_ids, 8, config.context, np.random.default_rng(1))
    return [sampler.next() for _ in range(steps)]


rate = cosine(1e-2, warmup=20, total=400, floor=1e-3)
before = calls.copy()
with ml.override(**mine):
    yours = list(train(new_model(), batches(20), rate))
for name, function in mine.items():
    entry = "cpu", name, function
    print(name, "was called", calls[entry] - before[entry], "times: 20 steps of 2 blocks")

theirs = list(train(ml.GPT(config, rng=np.random.default_rng(0)), batches(20), rate))
print("20 losses agree to 0.0001:", agree(yours, theirs, within=1e-4))

# %% [markdown] id="copy"
# ## 9. Does it look back?
#
# A task made for it: six random letters, then the same six again. The second time, each letter is known to
# whoever looks back, and to nobody else. To compare, a **blind** model: its attention returns zeros.
#
# **Predict before you run.** Which loss will the blind one reach? Where will the other look?


# %% id="copy-code"
def said_twice(rng):
    word = rng.integers(0, 16, (32, 6))
    ids = np.concatenate([word, word], axis=1)
    targets = ids[:, 1:].copy()
    targets[:, :5] = ops.IGNORE_INDEX  # the first time nobody can know
    return ids[:, :-1], targets


blind = {
    "attention_forward": lambda qkv: (0 * qkv[:, :, 2], None),
    "attention_backward": lambda dout, qkv, out, lse: 0 * qkv,
}
small = ml.GPTConfig(vocab_size=16, context=11, n_layer=1, n_head=1, n_embd=32)
for name, attention in [("blind", blind), ("yours", mine)]:
    rng = np.random.default_rng(0)
    copier = Transformer(small, rng)
    with ml.override(**attention):
        losses = list(train(copier, [said_twice(rng) for _ in range(200)], rate))
    near = abs(losses[-1] - np.log(16)) < 0.1
    print(f"{name}: loss below 0.1: {losses[-1] < 0.1}   near log 16: {near}")

# %% id="maps"
maps = []


def watch(qkv):
    """Note the weights, then do the work."""
    q, k, _ = heads_first(qkv)
    maps.extend(reference.softmax_forward(causal_scores_(q, k))[0])
    return attention_forward_(qkv)


idx, _ = said_twice(np.random.default_rng(1))
with ml.override(attention_forward=watch), ml.no_grad():
    copier(idx[:1])
print("maps", np.shape(maps), "  each row sums to 1:", agree(np.sum(maps, axis=-1), np.ones(np.shape(maps)[:-1]), within=1e-5))  # fmt: skip
print("from the sixth token on, each looks five back:", (np.argmax(maps[0], axis=1)[5:] == np.arange(6)).all())  # fmt: skip
show(draw_attention(maps, ["abcdefghijklmnop"[i] for i in idx[0]]), "Figure {figure:maps}. The weights of the only "
     "head. Each row is a token that looks back; a white dot marks a weight of at least 0.5.")  # fmt: skip

# %% [markdown] id="run"
# The blind model can only guess. Yours looks five tokens back (figure {figure:maps}), to the letter that must
# come next. Nobody told it to. (In the first five rows nothing was asked of it.)
#
# ## 10. Train it on stories
#
# Now 400 steps on text, with a look at the validation stories every 20; the weights of the best look are
# kept. To beat: the count model of chapter 06.
#
# **Predict before you run.** Sketch both losses over the 400 steps.


# %% id="run-code"
def validate(model):
    """Nats a token on the validation stories."""
    total = 0.0
    for idx, targets in validation_windows(valid_ids, config.context, 8):
        with ml.no_grad():
            total += ops.cross_entropy(model(idx), targets).item() * (targets >= 0).sum()
    return total / (len(valid_ids) - 1)


model, losses, valid = new_model(), [], []
with ml.override(**mine):
    for loss in train(model, batches(400), rate):
        losses.append(loss)
        if len(losses) % 20 == 0:
            valid.append(validate(model))
            if valid[-1] == min(valid):
                best = model.state_dict()
model.load_state_dict(best)

# %% id="run-figure"
counted = count_model([train_ids], [valid_ids], config.vocab_size)
print("validation loss, at its best, below the count model's:", min(valid) < counted)
falls = np.mean(losses[-50:]) < np.mean(losses[150:200]) - 0.2, valid[-1] < min(valid[:10])
print("in the second half training loss falls:", falls[0], "  validation loss:", falls[1])

figure = draw_losses({"training": losses})
figure.set_size_inches(5.8, 2.4)
axes = figure.axes[0]
axes.plot(np.arange(20, 401, 20), valid, marker="o", ms=3, label="validation")
axes.axhline(counted, color="#000000", ls=":", label="validation, count model")
axes.set_ylim(0)
axes.legend(loc="lower left", fontsize=8)
show(figure, "Figure {figure:losses}. Training and validation loss fall together at first; then training "
     "goes on, and validation rises.")  # fmt: skip

# %% [markdown] id="did-not-help"
# The second half **did not help**: there the model learnt what only the training stories have, and did worse on
# others. It has far more parameters than they have tokens. The cure is more text, not more steps;
# chapter 15 has it.
#
# ## 11. Draw the next token
#
# The model gives a probability for every token; to write, we must pick one. Always the likeliest, and the
# text soon goes in circles. A plain draw picks, now and then, one of the hundreds of unlikely tokens, and
# the text goes astray. Three remedies:
#
# - **Temperature** $\tau$: softmax of the logits divided by $\tau$. Below 1 the likely becomes likelier.
# - **Top-k**: only the $k$ likeliest tokens take part.
# - **Top-p**: only the likeliest tokens, as few as together reach $p$: few where the
#   model is sure, many where it is not (Holtzman and others 2020, who call it nucleus sampling).
#
# ### Exercise 7.6: top-p
#
# Write `top_p(probabilities, p)`.
#
# - `probabilities` (V,), float64, sum 1; `p` above 0, at most 1. Returns an array (V,): 0 for the tokens cut,
#   the others scaled so that the sum is 1 again.
# - Example: of `[0.125, 0.5, 0.25, 0.125]` with `p = 0.6` tokens 1 and 2 stay, with 2/3 and 1/3.
#
# <details><summary>Hint 1: how many</summary>
#
# `order = np.argsort(-probabilities)`. In `np.cumsum(probabilities[order])` find the first place that is at
# least `p`: `np.searchsorted(sums, p)` gives it. That token still belongs to those that stay.
#
# </details>
# <details><summary>Hint 2: each at its place</summary>
#
# Begin with zeros, and fill in at the indices that stay: `result[kept] = ...`.
#
# </details>

# %% id="top-p-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_07.py:top_p

# %% id="top-p-check"
top_p_ = use("7.6 top-p", top_p, given.top_p)


# %% id="draw-figure"
def probabilities_after(ids, temperature):
    """Of each token, after the last tokens ids."""
    with ml.no_grad():
        logits = model(np.array([ids[-config.context :]])).numpy()[0, -1]
    return reference.softmax_forward(logits.astype(np.float64) / temperature)


figure, panels = plt.subplots(1, 3, figsize=(figures.WIDTH, 2.7))
cases = [("Tom took the", 1.0), ("Tom took the", 0.5), ("Then came Old", 1.0)]
for axes, (text, temperature) in zip(panels, cases, strict=True):
    p = probabilities_after(tokenizer.encode(text), temperature)
    kept, best = top_p_(p, 0.3) > 0, np.argsort(-p)[:12]
    bars = axes.barh(range(12), p[best], edgecolor="#0072B2")
    for bar, stays in zip(bars, kept[best], strict=True):
        bar.set_facecolor("#0072B2" if stays else "white")
    axes.set_title(f"{text} ...\ntemperature {temperature}")
    axes.set(xlabel="probability", ylim=(11.6, -0.6))
    names = [tokenizer.decode([t]).replace("\n", "\\n").replace(" ", "_") for t in best]
    axes.set_yticks(range(12), names, fontsize=8)
show(figure, "Figure {figure:draw}. The twelve likeliest next tokens. Filled: what top-p keeps with p = 0.3; "
     "fewer at a low temperature, and one where the model is sure.")  # fmt: skip

# %% [markdown] id="sample"
# Now let it write. The text may differ on your machine: where two tokens are nearly equal, the last digit
# decides, and all that follows depends on it.


# %% id="sample-code" tags=["nbval-ignore-output"] reason="sampled text depends on the last digits of the processor's arithmetic"
def write(text, tokens, temperature, p, rng):
    ids = tokenizer.encode(text).tolist()
    for _ in range(tokens):
        probabilities = top_p_(probabilities_after(ids, temperature), p)
        ids.append(int(rng.choice(config.vocab_size, p=probabilities)))
    return " ".join(tokenizer.decode(ids).encode("ascii", "replace").decode().split())


for name, temperature, p in [("cold", 0.01, 1.0), ("top-p", 0.8, 0.9), ("hot", 2.0, 1.0)]:
    print(f"{name} (temperature {temperature}, p = {p}):")
    print(write("The harbour", 60, temperature, p, np.random.default_rng(0)), end="\n\n")

# %% [markdown] id="choose"
# It makes little sense: the model is tiny, and so is the text. But most of the first two is words, and it knows who
# lives in the harbour. The package draws in the same way:
#
# quote mlstack_lib/generate.py:choose

# %% id="choose-code"
rng, p = np.random.default_rng(0), probabilities_after(tokenizer.encode("Tom took the"), 1.0)
drawn = {choose(np.log(p), rng, top_p=0.8) for _ in range(300)}
print("all that `choose` draws is in your top-p:", drawn <= set(np.flatnonzero(top_p_(p, 0.8))))
print("with top_k=1 it draws the likeliest:", choose(np.log(p), rng, top_k=1) == p.argmax())

# %% [markdown] id="recap"
# ## Recap
#
# You can now
# - explain queries, keys and values as a lookup that has slopes: softmax mixes where a dictionary chooses;
# - say why scores are masked (or the answer can be read) and scaled (or softmax saturates);
# - write causal attention of many heads, and its gradient, from `lse` instead of the probabilities;
# - assemble a GPT from a few modules, and test it on one batch first;
# - count its parameters and its arithmetic: about $2N$ FLOPs a token forwards, $6N$ in training;
# - draw text from it with temperature, top-k and top-p.
#
# **Two questions.**
#
# 1. Someone forgets the mask and is delighted: the loss falls to nearly 0 on the validation text too.
#    What does the model write?
# <details><summary>Answer</summary>
#
# Nonsense. It has learnt to read each answer from the next token, and when it writes there is none. A
# loss that is too good is a sign of a leak.
#
# </details>
#
# 2. The context is doubled to 512 tokens. Which rows of the table in section 7 change, and by how much?
# <details><summary>Answer</summary>
#
# The position embedding's parameters double, and so do the FLOPs of scores and mixtures, nearly: a
# token sees 256.5 tokens on average instead of 128.5. All else stays as it is, for each token.
#
# </details>
#
# **On your own.** Train on the stories with `blind`: how much is looking back worth on so short a text? Then
# without the scale (in both directions): does it matter at this size?
#
# **Further reading.**
# - A. Vaswani and others, *Attention Is All You Need*, 2017, arXiv:1706.03762: section 3.2.1 has the scale.
# - A. Radford and others, *Language Models are Unsupervised Multitask Learners*, 2019: GPT-2, whose
#   architecture this is.
# - J. Kaplan and others, *Scaling Laws for Neural Language Models*, 2020, arXiv:2001.08361: section 2.1 counts.
# - A. Holtzman and others, *The Curious Case of Neural Text Degeneration*, ICLR 2020, arXiv:1904.09751: top-p.
#
# The solutions: `solutions/07_transformer.ipynb`. Before: chapter 06, tokenizer and data. Next: chapter 08,
# the first CUDA kernels.
