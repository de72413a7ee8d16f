"""Networks made of Values, each of whose numbers can be opened."""

import autograd

if not hasattr(autograd, "Value"):
    raise ImportError(
        f"nn needs stepgrad's autograd but found another at "
        f"{autograd.__file__ or autograd.__path__}: run `pip uninstall autograd` and then "
        "reinstall stepgrad, or keep them in separate environments."
    )

from nn import init, losses
from nn.attention import MultiheadAttention, TransformerBlock
from nn.checkpoint import Checkpoint
from nn.containers import Flatten, Sequential
from nn.convolution import Conv1d, Conv2d
from nn.data import batches
from nn.diagnosis import GradientReport, gradient_report
from nn.dropout import Dropout
from nn.elementwise import (
    ELU,
    GELU,
    SELU,
    Elementwise,
    Hardtanh,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from nn.embedding import Embedding
from nn.history import History
from nn.linear import Linear
from nn.module import Module
from nn.neuron import MLP, Layer, Neuron
from nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm
from nn.penalties import l1_penalty, l2_penalty
from nn.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from nn.pruning import prune
from nn.quantization import quantize
from nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell, unroll
from nn.reversal import GradientReversal
from nn.saving import LoadError, load, save
from nn.training import DivergedError, evaluate, fit, is_correct
from nn.transformer import GPT

__all__ = [
    "Module",
    "Neuron",
    "Layer",
    "MLP",
    "Sequential",
    "Flatten",
    "Linear",
    "Embedding",
    "Dropout",
    "BatchNorm1d",
    "BatchNorm2d",
    "LayerNorm",
    "RMSNorm",
    "Conv1d",
    "Conv2d",
    "MaxPool1d",
    "MaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "RNNCell",
    "GRUCell",
    "LSTMCell",
    "RNN",
    "GRU",
    "LSTM",
    "unroll",
    "MultiheadAttention",
    "TransformerBlock",
    "GPT",
    "GradientReversal",
    "Elementwise",
    "Identity",
    "Tanh",
    "Sigmoid",
    "Softsign",
    "Softplus",
    "Softmax",
    "LogSoftmax",
    "ReLU",
    "LeakyReLU",
    "ELU",
    "SELU",
    "GELU",
    "SiLU",
    "Mish",
    "Hardtanh",
    "init",
    "losses",
    "l1_penalty",
    "l2_penalty",
    "batches",
    "fit",
    "evaluate",
    "is_correct",
    "History",
    "DivergedError",
    "gradient_report",
    "GradientReport",
    "save",
    "load",
    "LoadError",
    "Checkpoint",
    "prune",
    "quantize",
]
