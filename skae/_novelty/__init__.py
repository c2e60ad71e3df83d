"""``AutoencoderNovelty``: novelty detection by several autoencoders."""
