"""Lists, tables and JSON that people write by hand."""

import pytest

from vantage3d.io.text import parse_json, read_list, read_table, split_words


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_list_needs_no_last_newline(tmp_path, end):
    (tmp_path / "scenes.txt").write_text("scene0000_00\nscene0001_00" + end)
    assert read_list(tmp_path / "scenes.txt") == ["scene0000_00", "scene0001_00"]


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-8"])
def test_a_list_in_the_codes_of_windows(tmp_path, code):
    text = "# scenes\r\nKüche 1\r\n\r\nscene0001_00,\t\r\n \r\n"
    (tmp_path / "scenes.txt").write_bytes(text.encode(code))
    assert read_list(tmp_path / "scenes.txt") == ["Küche 1", "scene0001_00"]


def test_what_is_no_text_says_how_to_save_it(tmp_path):
    (tmp_path / "scenes.txt").write_bytes("Küche".encode("latin-1"))
    message = r"no text file in UTF-8 \(invalid .* at byte 1\)\. Save it as plain text"
    with pytest.raises(ValueError, match=message):
        read_list(tmp_path / "scenes.txt")


@pytest.mark.parametrize(
    "line",
    ["1 2.5 -3e4", "1,2.5,-3e4,", "1, 2.5 ,-3e4\n", "1;2.5; -3e4", "1\t2.5\t-3e4"],
)
def test_words_of_a_line(line):
    assert split_words(line) == ["1", "2.5", "-3e4"]


def test_a_comma_in_a_name_stays():
    assert split_words("1.5 rgb/desk,left.png") == ["1.5", "rgb/desk,left.png"]


@pytest.mark.parametrize("line", ["0,5 1,25", "0,5;1,25", "7 0,5"])
def test_a_comma_that_may_be_a_point_is_refused(line):
    with pytest.raises(ValueError, match=r"'0,5' in .* may be one number or several"):
        split_words(line)


def test_a_short_row_is_named(tmp_path):
    (tmp_path / "t.txt").write_text("# time x\n1 2\n\n3\n")
    with pytest.raises(ValueError, match=r"line 4 has 1 columns, expected 2: '3'"):
        read_table(tmp_path / "t.txt", 2)


def test_a_key_that_stands_twice_is_no_json_of_ours():
    """JSON's own reader keeps the last of two sequences of one name."""
    with pytest.raises(ValueError, match="an object has the key 'desk' 2 times"):
        parse_json(b'{"a": {"desk": 1, "b": 2, "desk": [3]}}')
    assert parse_json("\ufeff{'a': [1]}\r\n".replace("'", '"').encode()) == {"a": [1]}
