"""vx9 bench: the figures, side by side with native code."""
