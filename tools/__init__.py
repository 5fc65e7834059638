"""Programs over igc_tf, one absl main each: train, evaluate, reconstruct, export, prepare."""
