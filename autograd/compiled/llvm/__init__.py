"""Compiled code as machine code, made by LLVM."""
