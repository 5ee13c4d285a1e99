"""Answers to scripts that ask what else could compute (`backends.mps`, `backends.cudnn`): nothing, only the CPU."""

from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
