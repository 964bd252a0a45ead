from grayswan_core.cygnal.cache import VerdictCache, digest
from grayswan_core.cygnal.verdict import Verdict


def test_the_verdicts_used_last_are_kept():
    cache = VerdictCache(2)
    for key in (b"a", b"b"):
        cache.put(key, Verdict(0.1))
    assert cache.get(b"a") == Verdict(0.1)
    cache.put(b"c", Verdict(0.2))
    assert [True, False, True] == [cache.get(key) is not None for key in (b"a", b"b", b"c")]
    assert 2 == len(cache)


def test_a_cache_of_no_size_keeps_nothing():
    cache = VerdictCache(0)
    cache.put(b"a", Verdict(0.1))
    cache.approve([b"a"])
    assert (None, False) == (cache.get(b"a"), cache.is_approved(b"a"))


def test_no_text_is_kept():
    cache = VerdictCache(9)
    cache.put(digest("secret words"), Verdict(0.9, reasoning="secret words"))
    cache.approve([digest("secret words")])
    assert "secret" not in repr((cache._verdicts, cache._approved))
    assert cache.is_approved(digest("secret words"))


def test_a_digest_tells_values_apart_and_not_the_order_of_names():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert 4 == len({digest("a", "b"), digest("ab"), digest(["a", "b"]), digest("b", "a")})
