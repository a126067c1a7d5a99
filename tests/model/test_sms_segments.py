"""Segments of a text, counted a second time: the alphabet is written down as the tables of 3GPP TS 23.038 show it, row by row, and segments
are filled with whole characters from the front (TS 23.040)."""
from hypothesis import given, strategies as st
from pure import hex_of

DEFAULT = ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
           "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
EXTENSION = "\f^{}\\[~]|€"


def filled(characters, room):
    """The characters in segments: lists of their lengths, none of which is longer than there is room."""
    segments = [[]]
    for units in characters:
        if sum(segments[-1]) + units > room:
            segments.append([])
        segments[-1].append(units)
    return segments


def counted(text):
    if all(character in DEFAULT + EXTENSION for character in text):
        lengths, alone, joined = [2 if character in EXTENSION else 1 for character in text], 160, 153
    else:
        lengths, alone, joined = [len(character.encode("utf-16-le")) // 2 for character in text], 70, 67
    is_ucs2 = alone == 70
    if not text:
        return (False, 0, 0)
    return (is_ucs2, sum(lengths), 1 if sum(lengths) <= alone else len(filled(lengths, joined)))


plain = st.text(alphabet=DEFAULT.replace("\n", "") + EXTENSION, max_size=500)
any_text = st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=250)
long_runs = st.builds(
    lambda character, count, rest: character * count + rest, st.sampled_from("a€é[ש😀~"), st.integers(0, 500), st.text(alphabet="a€😀", max_size=4))


@given(text=plain | any_text | long_runs)
def test_segments_are_those_of_the_standards(pure, text):
    assert pure.numbers("segments", hex_of(text)) == counted(text)


def test_every_character_of_the_first_plane_has_the_length_that_the_standards_give_it(pure):
    for point in [*range(1, 0xD800, 7), *range(1, 0x500), *range(0x2000, 0x2100)]:
        assert pure.numbers("segments", hex_of(chr(point))) == counted(chr(point)), hex(point)
