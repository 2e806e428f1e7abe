"""PyTorch's side: the same model's step, and attention, in a process of its own."""

import numpy as np

from ..errors import CouldNotFinish
from ..gpt import GPT
from ..presets import preset
from .clock import sample
from .problems import batches, sizes_for, vocabulary_of
from .processor import peak_memory

# how the loss is compiled, by the row's name; eager: not at all
MODES = {"eager": None, "compiled": "default", "compiled, graphs": "reduce-overhead"}


def _torch(on: str, tf32: bool = False):
    """(PyTorch, the device that it is measured on). Raises CouldNotFinish.

    Beside `cpu` that is the processor, beside all others the GPU.
    """
    try:
        import torch
    except ImportError:
        raise CouldNotFinish("PyTorch is not installed (see README, tests)") from None
    if on == "cpu":
        if tf32:
            raise CouldNotFinish("a processor has no TF32")
        return torch, "cpu"
    if not torch.cuda.is_available():
        raise CouldNotFinish(f"PyTorch {torch.__version__} finds no GPU with CUDA")
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    return torch, "cuda"


def _wait(torch, place: str):
    return torch.cuda.synchronize if place == "cuda" else lambda: None


def step(on: str, name: str, batch: int, mode: str, tf32: bool) -> dict:
    """A training step of a preset, all of it on one batch that is on the device."""
    torch, place = _torch(on, tf32)
    if place == "cpu" and MODES[mode] == "reduce-overhead":
        raise CouldNotFinish("a processor has no CUDA graphs")
    from .. import torch_referee  # here: it needs PyTorch

    recipe = preset(name, batch=batch)
    model = GPT(recipe.model(vocabulary_of(recipe)), rng=np.random.default_rng(0))
    twin = torch_referee.twin_of(model).to(place)
    rates = {"lr": recipe.rates()(1), "betas": (recipe.beta1, recipe.beta2), "weight_decay": 0.1}
    optimizer = torch_referee.adamw_like(twin, **rates)
    idx, targets = torch.from_numpy(batches(recipe, 1)[0].astype(np.int64)).to(place)
    loss_of = twin.loss if MODES[mode] is None else torch.compile(twin.loss, mode=MODES[mode])

    def run() -> float:
        loss = loss_of(idx, targets)
        torch_referee.update(twin, optimizer, loss, recipe.max_norm)
        return loss

    loss = run().item()
    times = sample(run, _wait(torch, place))
    held = torch.cuda.max_memory_allocated() / 2**20 if place == "cuda" else peak_memory()
    about = {"tokens": idx.numel(), "mib": held, "loss": loss, "version": torch.__version__}
    return times | about


def attention(on: str) -> dict:
    """scaled_dot_product_attention in f32, forward and backward, causal."""
    torch, place = _torch(on)
    rng, shape = np.random.default_rng(0), sizes_for(on).attention
    q, k, v, dout = (
        torch.from_numpy(rng.standard_normal(shape, np.float32)).to(place) for _ in range(4)
    )
    inputs = [x.requires_grad_() for x in (q, k, v)]

    def forward():
        return torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True)

    out, wait = forward(), _wait(torch, place)
    rows = [
        {"name": "forward"} | sample(forward, wait),
        {"name": "backward"}
        | sample(lambda: torch.autograd.grad(out, inputs, dout, retain_graph=True), wait),
    ]
    return {"rows": rows, "version": torch.__version__}
