"""X as callers give it: containers, data frames, validation, layout inference."""
