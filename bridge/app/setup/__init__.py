"""Makes a bridge where there is none: a state folder, or a whole demo."""
