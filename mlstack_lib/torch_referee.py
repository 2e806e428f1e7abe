"""The same GPT in PyTorch, which tests and benchmarks compare with; in the `test` extra."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .gpt import GPT, GPTConfig


class TorchBlock(nn.Module):
    """One layer, in the usual PyTorch modules."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        c, self.heads, self.rate = config.n_embd, config.n_head, config.dropout
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(c, 3 * c), "c_proj": nn.Linear(c, c)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(c, 4 * c), "c_proj": nn.Linear(4 * c, c)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x (B, T, C) -> (B, T, C)."""
        b, t, c = x.shape
        qkv = self.attn["c_attn"](self.ln_1(x)).view(b, t, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        y = self.attn["c_proj"](y.transpose(1, 2).reshape(b, t, c))
        x = x + F.dropout(y, self.rate, self.training)
        y = F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        return x + F.dropout(self.mlp["c_proj"](y), self.rate, self.training)


class TorchGPT(nn.Module):
    """GPT with the parameter names of ours."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.rate = config.dropout
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.context, config.n_embd)
        self.h = nn.ModuleList([TorchBlock(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd)

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        """Logits (B, T, V) after idx (B, T)."""
        x = self.wte(idx) + self.wpe.weight[: idx.shape[1]]
        x = F.dropout(x, self.rate, self.training)
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)

    def loss(self, idx: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy, targets of -1 left out."""
        return F.cross_entropy(self(idx).flatten(0, 1), targets.flatten(), ignore_index=-1)


def twin_of(model: GPT) -> TorchGPT:
    """A TorchGPT with the weights of `model`."""
    twin = TorchGPT(model.config)
    values = {name: torch.from_numpy(value) for name, value in model.state_dict().items()}
    twin.to(next(iter(values.values())).dtype).load_state_dict(values)
    return twin


def adamw_like(twin: TorchGPT, *, lr: float, betas: tuple[float, float], weight_decay: float):
    """PyTorch's fused AdamW, decaying matrices only."""
    groups = [
        {"params": [p for p in twin.parameters() if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in twin.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)


def step(twin: TorchGPT, optimizer, idx: np.ndarray, targets: np.ndarray, max_norm: float) -> float:
    """One training step on a batch; return the loss."""
    loss = twin.loss(*(torch.from_numpy(x.astype(np.int64)) for x in (idx, targets)))
    update(twin, optimizer, loss, max_norm)
    return loss.item()


def update(twin: TorchGPT, optimizer, loss: torch.Tensor, max_norm: float) -> None:
    """The gradients of a loss, clipped, and one update by them."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(twin.parameters(), max_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
