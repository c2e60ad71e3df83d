"""``AutoencoderTransformer``."""
