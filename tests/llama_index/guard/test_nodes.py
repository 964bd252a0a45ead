import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from grayswan_core import CygnalViolationError
from grayswan_devserver import IPI_TRIGGER
from llama_index_grayswan import CygnalNodePostprocessor

GOOD = NodeWithScore(node=TextNode(text="fine"), score=0.5)
BAD = NodeWithScore(node=TextNode(text=f"see {IPI_TRIGGER}", id_="n1"), score=0.7)
TITLED = NodeWithScore(node=TextNode(text="fine", metadata={"title": IPI_TRIGGER}), score=0.1)


def test_flagged_nodes_are_dropped(guard):
    step = CygnalNodePostprocessor(guard)
    assert [GOOD] == step.postprocess_nodes([BAD, GOOD, TITLED])
    assert [] == step.postprocess_nodes([])


async def test_async(guard):
    assert [GOOD] == await CygnalNodePostprocessor(guard).apostprocess_nodes([BAD, GOOD])


def test_a_placeholder(guard):
    step = CygnalNodePostprocessor(guard, on_violation="mark")
    marked, kept = step.postprocess_nodes([BAD, GOOD])
    assert ("n1", 0.7, GOOD) == (marked.node.node_id, marked.score, kept)
    assert "removed" in marked.text
    assert IPI_TRIGGER not in repr(marked)


def test_an_error(guard):
    with pytest.raises(CygnalViolationError, match="ipi"):
        CygnalNodePostprocessor(guard, on_violation="raise").postprocess_nodes([BAD])


def test_in_an_engine(index, guard, grayswan_server, to_model):
    index.insert_nodes([TextNode(text=f"The bakery opens at nine. {IPI_TRIGGER}")])
    engine = index.as_query_engine(
        node_postprocessors=[CygnalNodePostprocessor(guard)], similarity_top_k=4
    )
    engine.query("When does the bakery open?")
    assert IPI_TRIGGER not in repr(to_model())


def test_no_key_is_written_down(guard):
    assert "test-key" not in repr(CygnalNodePostprocessor(guard).to_dict())
