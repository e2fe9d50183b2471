"""Errors of depth from 0.5 to 10 m, in metres, at the network's resolution."""

val_evaluator = dict(type="TriangulatedDepthMetric", min_depth=0.5, max_depth=10.0)
test_evaluator = val_evaluator
