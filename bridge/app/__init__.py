"""The composition root: the only place that knows every part, builds them, runs them, stops them."""
