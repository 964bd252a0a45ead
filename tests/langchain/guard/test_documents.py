import pytest
from langchain_core.documents import Document

from grayswan_core import CygnalViolationError
from grayswan_devserver import IPI_TRIGGER
from langchain_grayswan import GuardDocuments, mark_documents

GOOD = Document("fine")
BAD = Document(f"see: {IPI_TRIGGER}", metadata={"source": "x"})
TITLED = Document("fine", metadata={"title": IPI_TRIGGER})


def test_flagged_documents_are_dropped(guard):
    step = GuardDocuments(guard=guard)
    assert [GOOD] == step.invoke([BAD, GOOD, TITLED])
    assert [] == step.invoke([])


@pytest.mark.parametrize("value", [[IPI_TRIGGER], {"name": IPI_TRIGGER}], ids=["list", "dict"])
def test_metadata_of_any_form_are_judged(guard, judged, value):
    document = Document("fine", metadata={"authors": value, "score": 0.5, "none": None})
    assert [] == GuardDocuments(guard=guard).invoke([document])
    assert "0.5" not in judged()[0][0]["content"]


async def test_async(guard):
    assert [GOOD] == await GuardDocuments(guard=guard).ainvoke(iter([BAD, GOOD]))


def test_a_placeholder(guard):
    marked, kept = GuardDocuments(guard=guard, on_violation="mark").invoke([BAD, GOOD])
    assert "removed" in marked.page_content
    assert (["ipi"], GOOD) == (marked.metadata["cygnal"]["reasons"], kept)
    assert IPI_TRIGGER not in repr(marked)


def test_an_error(guard):
    with pytest.raises(CygnalViolationError, match="ipi"):
        GuardDocuments(guard=guard, on_violation="raise").invoke([GOOD, BAD])


def test_marks_do_not_leave(guard, judged):
    assert 1 == len(GuardDocuments(guard=guard).invoke(mark_documents([GOOD])))
    assert "fine" == judged()[0][0]["content"]


def test_it_is_a_step_of_a_chain(guard, handler):
    GuardDocuments(guard=guard).invoke([GOOD], {"callbacks": [handler]})
    assert 2 == handler.names().count("on_chain_start")
