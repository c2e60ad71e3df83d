"""Strings as tokens and back."""

from skae.text import CharacterEncoder


def test_a_nul_is_a_character():
    encoder = CharacterEncoder().fit(["a\0b", "b\0"])
    assert encoder.inverse_transform(encoder.transform(["a\0b", "b\0"])) == ["a\0b", "b\0"]
