"""The experiment: baselines, the multi-task network, its results."""
