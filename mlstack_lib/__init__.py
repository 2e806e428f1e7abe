"""Build the whole machine-learning stack: tensors, autograd, kernels, a Transformer that trains."""

from . import ops
from .anomaly import detect_anomaly
from .autograd import Tensor, no_grad
from .backend import override
from .devices import device
from .gpt import GPT, GPTConfig
from .gradcheck import gradcheck
from .optim import SGD, AdamW
from .tensor import tensor
from .tokenizer import Tokenizer

__all__ = [
    "GPT",
    "SGD",
    "AdamW",
    "GPTConfig",
    "Tensor",
    "Tokenizer",
    "detect_anomaly",
    "device",
    "gradcheck",
    "no_grad",
    "ops",
    "override",
    "tensor",
]
