"""Every word means one concept, and sentences follow their grammar."""

from dataclasses import replace

import pytest

from workbench.core.errors import InputError
from workbench.organism.config import LanguageConfig, WorldConfig
from workbench.organism.world import World, build_languages, pieces, sentences, shared_tokens

CONFIG = WorldConfig()


def with_language(**settings):
    """A world of the main language and one other."""
    other = LanguageConfig("x-other", 0.5, **settings)
    config = replace(CONFIG, languages=(replace(CONFIG.main, resource=0.5), other))
    main, built = build_languages(config).values()
    return main, built


@pytest.mark.parametrize("fertility", [1, 2, 3])
@pytest.mark.parametrize("script", ["main", "own"])
@pytest.mark.parametrize("morphology", ["isolating", "agglutinating", "fused"])
def test_every_form_of_a_word_means_one_concept(morphology, script, fertility):
    _, other = with_language(morphology=morphology, script=script, fertility=fertility, cognates=0.3)
    assert len(set(other.words)) == CONFIG.concepts + CONFIG.relations
    assert len(set(other.subjects)) == CONFIG.concepts
    assert [other.concept_of(word) for word in other.words] == list(range(len(other.words)))
    assert [other.concept_of(word) for word in other.subjects] == list(range(CONFIG.concepts))
    with pytest.raises(InputError, match="has no word"):
        other.concept_of("zzzz")


@pytest.mark.parametrize(("order", "expected"), [("SVO", "102"), ("SOV", "120"), ("VSO", "012")])
def test_a_sentence_stands_in_the_order_of_its_language(order, expected):
    # Part 0 is the relation, 1 the first concept and 2 the second.
    _, other = with_language(order=order, morphology="fused")
    for fact in World(CONFIG).split("dev")[:50].tolist():
        meant = [fact[0] + CONFIG.concepts, fact[1], fact[2]]
        found = [other.concept_of(word) for word in other.sentence(fact)]
        assert found == [meant[int(place)] for place in expected]


def test_morphology_shows_on_the_subject_alone():
    fact = [0, 3, 3]
    for morphology in ("isolating", "agglutinating", "fused"):
        _, other = with_language(morphology=morphology)
        subject, _, rest = other.sentence(fact)
        assert other.concept_of(subject) == other.concept_of(rest) == 3
        if morphology == "isolating":
            assert subject == rest
        elif morphology == "agglutinating":
            assert other.suffix and subject == rest + other.suffix
        else:
            assert subject != rest and len(subject) == len(rest) and subject[:-2] == rest[:-2]
    endings = {word[-2:] for word in other.subjects}
    assert len(endings) > 4, "fused forms share an ending, which is a suffix"


def test_cognates_are_main_words_in_the_main_script_and_share_no_token_in_another():
    main, near = with_language(cognates=0.5)
    same = sum(a == b for a, b in zip(near.words, main.words, strict=True))
    assert same == (CONFIG.concepts + CONFIG.relations) / 2
    _, strange = with_language(cognates=0.0)
    assert not set(strange.words) & set(main.words) and shared_tokens(strange, main) == 0
    main, spelled = with_language(cognates=1.0, script="own")
    assert shared_tokens(spelled, main) == 0
    # Spelled in other letters, but alike: two words begin alike in one where they do in the other.
    for i, word in enumerate(main.words):
        for j, other in enumerate(main.words[:i]):
            same_start = spelled.words[i][:2] == spelled.words[j][:2]
            assert same_start == (word[:2] == other[:2])


def test_the_share_of_shared_tokens_grows_with_cognates():
    shares = [shared_tokens(*reversed(with_language(cognates=share))) for share in (0, 0.3, 0.6, 1)]
    assert shares == sorted(set(shares)) and shares[0] == 0 and shares[-1] == 1


def test_languages_share_no_token_but_through_cognates():
    built = list(build_languages(CONFIG).values())
    for i, one in enumerate(built):
        for other in built[:i]:
            lent = one.config.cognates and one.config.script == "main"
            # Both can have lent words of the main language only.
            common = (one.tokens & other.tokens) - built[0].tokens
            assert not common
            assert lent or not one.tokens & built[0].tokens


@pytest.mark.parametrize("fertility", [1, 2, 3])
def test_a_word_has_as_many_tokens_as_its_fertility_says(fertility):
    _, other = with_language(fertility=fertility)
    assert {len(pieces(word)) for word in other.words} == {fertility}


def test_no_token_of_a_long_word_means_anything_alone():
    main = build_languages(CONFIG)[CONFIG.main.code]
    for place in (0, 1):
        words_of: dict[str, int] = {}
        for word in main.words:
            words_of[pieces(word)[place]] = words_of.get(pieces(word)[place], 0) + 1
        assert max(words_of.values()) > 1 and len(words_of) < len(main.words) / 2


def test_words_follow_from_the_seed():
    facts = World(CONFIG).split("dev")[:5]
    spoken = [[sentences(one, facts) for one in build_languages(c).values()] for c in (CONFIG, CONFIG)]
    assert spoken[0] == spoken[1]
    other = build_languages(replace(CONFIG, seed=1))
    assert [sentences(one, facts) for one in other.values()] != spoken[0]


def test_there_are_no_more_scripts_than_alphabets():
    languages = tuple(LanguageConfig(f"x-{i}", 0.1, script="own") for i in range(10))
    with pytest.raises(InputError, match="scripts for"):
        build_languages(replace(CONFIG, languages=languages))
