"""Training: the step, the loop, the run directory, what TensorBoard shows."""
