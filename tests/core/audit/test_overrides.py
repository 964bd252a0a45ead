from __future__ import annotations

from abc import ABC, abstractmethod

import pytest

from grayswan_core.audit.overrides import watched


class Loader(ABC):
    def load(self):
        return list(self.lazy_load())

    @abstractmethod
    def lazy_load(self): ...

    async def alazy_load(self):
        for each in self.lazy_load():
            yield each

    async def aload(self):
        return [each async for each in self.alazy_load()]


class Early(Loader):
    def lazy_load(self):
        yield from ("a", "b")


class Other:
    def __init_subclass__(cls, /, mark="", **kwargs):
        super().__init_subclass__(**kwargs)
        cls.mark = mark

    def load(self):
        return ("c",)


METHODS = ("load", "aload", "lazy_load", "alazy_load")


@pytest.fixture
def noted():
    return []


@pytest.fixture
def watching(noted):
    with watched(Loader, METHODS, lambda owner, item: noted.append((type(owner).__name__, item))):
        yield


BEFORE = {(kind, name): vars(kind).get(name) for kind in (Loader, Early) for name in METHODS}


async def test_every_way_to_load_is_seen(watching, noted):
    class Late(Early):
        def load(self):
            return [*super().load(), "late"]

    loader = Late()
    assert ["a", "b", "late"] == loader.load()
    assert {("Late", each) for each in ("a", "b", "late")} == set(noted)
    for results in (await loader.aload(), list(loader.lazy_load())):
        assert ["a", "b"] == results
        assert [("Late", "a"), ("Late", "b")] == noted[-2:]


def test_items_are_noted_as_they_are_handed_out(watching, noted):
    loading = Early().lazy_load()
    assert [] == noted
    assert "a" == next(loading)
    assert [("Early", "a")] == noted
    loading.close()


def test_afterwards_all_is_as_before(noted):
    with watched(Loader, METHODS, lambda owner, item: noted.append(item)):

        class Late(Early):
            def load(self):
                return []

        assert BEFORE != {(kind, name): vars(kind).get(name) for kind, name in BEFORE}
    assert BEFORE == {(kind, name): vars(kind).get(name) for kind, name in BEFORE}
    assert "__init_subclass__" not in vars(Loader)
    Late().load()
    Early().load()
    assert [] == noted


def test_a_class_that_looks_at_its_subclasses_still_does():
    before = vars(Other)["__init_subclass__"]
    with watched(Other, ["load"], lambda owner, item: None):

        class Below(Other, mark="kept"):
            pass

    assert "kept" == Below.mark
    assert before is vars(Other)["__init_subclass__"]


def test_an_error_is_the_loaders_own(watching):
    class Failing(Loader):
        def lazy_load(self):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        Failing().load()
