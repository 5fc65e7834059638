"""Frozen networks trained on ImageNet, and the clusters that a data set's features fall into."""
