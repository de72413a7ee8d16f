"""Names of places: the text that the language models learn."""

import re
import unicodedata

from autograd.optional import needed

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz -'")

_BESIDE_ACCENTS = str.maketrans(
    {
        "æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "þ": "th",
        "ə": "a", "ǝ": "a", "ʻ": "'", "‘": "'", "’": "'",
    }
)  # fmt: skip


def place_names(longest: int = 15) -> list[str]:
    """Return the names of the world's provinces, districts and towns, each once, in order.

    They are the subdivisions of countries by ISO 3166-2, as the package pycountry has them: the
    249 countries would be too few. Accents are taken off and letters made small, so that 200
    characters, most of which occur a handful of times, become 29: a-z, space, hyphen and
    apostrophe. What follows a bracket or a comma, such as a second name, is left out; so are the
    few names with other characters, and those too long for a model to see how they end.

    Args:
        longest: the most characters that a name has.

    Raises:
        ImportError: if pycountry is not installed.

    >>> names = place_names()
    >>> {"bayern", "sao paulo", "cote-d'or", "mississippi"} <= set(names)
    True
    """
    countries = needed("pycountry", "the names of places")
    names = {folded(place.name) for place in countries.subdivisions}
    return sorted(name for name in names if 0 < len(name) <= longest and set(name) <= LETTERS)


def folded(name: str) -> str:
    """Return a name in small letters without accents, up to a bracket or comma.

    >>> folded("Łódzkie"), folded("Wrexham [Wrecsam GB-WRC]"), folded("Bristol, City of")
    ('lodzkie', 'wrexham', 'bristol')
    """
    name = re.split(r"[\[(,]", name)[0].strip()
    decomposed = unicodedata.normalize("NFKD", name.lower().translate(_BESIDE_ACCENTS))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
