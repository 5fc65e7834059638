"""Export for TF Serving: a SavedModel of stock TensorFlow ops, pre-processing inside."""
