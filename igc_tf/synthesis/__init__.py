"""Generators of heads whose ground truth is known exactly, as TFDS builders."""
