"""Messages about a file are short and printable, whatever the file holds."""

import pickle

import pytest

from model_files import put_together, take_apart
from skae import ModelFileError, load
from skae.exceptions import LONGEST_MESSAGE, printable, shown
from skae.serialization import container

ESCAPES = "\x1b[2J\x1b]0;title\x07\u202e\r\n\x00"


def test_messages_are_one_printable_line():
    for text in (ESCAPES, ESCAPES * 10_000, "a\n\tb", "\ud800", "ä" * 5000):
        message = printable(text)
        assert message.isprintable()
        assert len(message) <= LONGEST_MESSAGE
        assert printable(message) == message
    assert printable("äb 'c' \\n") == "äb 'c' \\n"
    assert printable("a" * 5000 + "the end").endswith("the end")
    assert shown("\x1b") == r"'\x1b'"
    assert len(shown("x" * 10**6)) < 120


def test_errors_can_be_pickled():
    error = pickle.loads(pickle.dumps(ModelFileError(ESCAPES * 1000)))
    assert str(error).isprintable()


@pytest.mark.parametrize("text", [ESCAPES, "A" * 100_000, ESCAPES * 5000], ids=["escapes", "long", "both"])
def test_hostile_text_in_a_file_is_escaped_in_messages(saved, text):
    """Any text in a file may be hostile."""
    for content, table, numbers in hostile(*take_apart(saved), text):
        number = container.FORMAT + (content.get("versions") == {"skae": text})
        put_together(saved, content, table, numbers, number)
        for message in messages_of_load(saved):
            assert len(message) <= LONGEST_MESSAGE
            assert message.isprintable()


def messages_of_load(path):
    """The messages that a traceback of loading a file shows."""
    try:
        load(path)
    except ModelFileError as error:
        return [str(error), *([] if error.__cause__ is None else [str(error.__cause__)])]
    return []


def hostile(content, table, numbers, text):
    """JSON and tables of arrays that hold the text in one place each."""
    yield {**content, "versions": {"skae": text}}, table, numbers
    yield {**content, text: 1}, table, numbers
    for part in ("parameters", "layout", "spec"):
        yield {**content, part: {**content[part], text: 1}}, table, numbers
        for name in content[part]:
            yield {**content, part: {**content[part], name: text}}, table, numbers
    for name in content:
        yield {**content, name: text}, table, numbers
    for value in ({text: 1}, {"object": [text, {}]}, {"object": ["Dense", {text: 1}]}, {"custom": [text, text]}):
        yield {**content, "architecture": value}, table, numbers
    yield {**content, "feature_names": [text] * 3}, table, numbers
    name = next(iter(table))
    yield content, {**{n: entry for n, entry in table.items() if n != name}, text: table[name]}, numbers
    yield content, {**table, text: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, numbers
    yield content, {**table, text: text}, numbers
    yield content, {**table, name: {**table[name], "dtype": text}}, numbers
