"""Generators of heads whose truth is known exactly, as TFDS builders."""
