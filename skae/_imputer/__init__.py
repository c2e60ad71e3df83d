"""``AutoencoderImputer``."""
