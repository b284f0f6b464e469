"""The script of a text is that of most of its letters."""

from workbench.core.scripts import letters_by_script, main_script, script_of_letter


def test_a_text_s_script_is_that_of_most_letters():
    assert main_script("Привет, мир and") == "CYRILLIC"
    assert main_script("12 …") == main_script("") == ""


def test_of_equally_many_letters_the_first_script_in_the_alphabet_counts():
    assert main_script("天気がい") == "CJK" and main_script("абcd") == main_script("cdаб") == "CYRILLIC"


def test_letters_are_counted_by_script_and_all_else_is_not():
    assert letters_by_script("コーヒー 7 cafés!") == {"KATAKANA": 4, "LATIN": 5}
    assert script_of_letter("\ue000") == "", "private use has no name"
