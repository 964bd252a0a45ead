from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest

from grayswan_core.audit import Audit, Model, Sent
from grayswan_core.untrusted.marks import mark_untrusted

PAGE = "Mute swans stay with one partner for many years and hold a territory on a quiet lake."
OTHER = "Geese fly far to the south in autumn when the first frost has closed the shallow bays."
PLAIN, OURS = Model("ChatOther", takes_marks=False), Model("ChatGraySwan", takes_marks=True)


def advice(source, sent, model):
    return f"change {source.kind}, {sent.role}, {model.name}"


def look(audit, *texts, model=PLAIN, role="system", through=("Chain",)):
    sent = [Sent(role, f"message {n}", text) for n, text in enumerate(texts, 1)]
    audit.look_through(model, sent, through, advice)


@pytest.fixture
def audit():
    audit = Audit()
    audit.note_source("retrieved document", "shelf", [PAGE])
    return audit


def test_a_finding_says_all_that_is_known(audit):
    look(audit, "Be brief.", f"Answer from this: {PAGE}")
    (finding,) = audit.report().findings
    assert ("retrieved document", "shelf", 17) == (
        finding.source.kind,
        finding.source.name,
        finding.source.words,
    )
    assert ("system", "message 2", "ChatOther", ("Chain",)) == (
        finding.role,
        finding.place,
        finding.model,
        finding.through,
    )
    assert (17, 1.0, 1) == (finding.words, finding.share, finding.calls)
    assert finding.excerpt == PAGE
    assert "change retrieved document, system, ChatOther" == finding.change
    assert finding.line.startswith("test_watch.py:")


def test_the_same_leak_is_one_finding_and_counted(audit):
    look(audit, PAGE[:50])
    look(audit, PAGE[30:])
    look(audit, PAGE)
    (finding,) = audit.report().findings
    assert (3, 17) == (finding.calls, finding.words)


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool definition"])
def test_each_trusted_role_is_looked_through(audit, role):
    look(audit, PAGE, role=role)
    assert [role] == [each.role for each in audit.report().findings]


@pytest.mark.parametrize("role", ["tool", "function", "data", "ipython"])
def test_roles_for_results_may_have_it(audit, role):
    look(audit, PAGE, role=role)
    audit.assert_clean()


def test_a_role_that_is_not_known_is_told(audit):
    look(audit, PAGE, role="document 1")
    assert {"a message in the role 'document 1'": 1} == audit.report().not_looked_at


def test_a_report_shows_no_character_that_a_terminal_obeys(tmp_path):
    bad = "a\x1b[2J\ud800\u202e\nb\r\x00"
    audit = Audit()
    audit.note_source("retrieved document", f"shelf: {bad}", [PAGE])
    sent = [Sent("system", f"arguments for {bad}", f"{bad} {PAGE}"), Sent(bad, "message 1", "a")]
    audit.look_through(PLAIN, sent, ("Chain",), advice)
    audit.note_unseen(bad)
    with audit.guarded(bad):
        raise ValueError(bad)
    report = audit.report()
    assert report.findings
    for name in ("report.txt", "report.json", "report.html"):
        text = report.save(tmp_path / name).read_text(encoding="utf-8")
        assert all(each.isprintable() or each == "\n" for each in text)


def test_a_source_is_new_once(audit):
    assert [True, False] == [audit.note_source("tool result", "t", [OTHER]) for _ in range(2)]
    assert audit.note_source("tool result", "t", [OTHER, f"{OTHER} {OTHER}"])


def test_what_a_model_says_after_a_result_of_before_is_what_it_wrote(audit):
    audit.note_conversation([(None, [PAGE]), ("search", [OTHER]), (None, [OTHER])])
    look(audit, f"You said: {PAGE} And then: {OTHER}")
    report = audit.report()
    assert ["shelf"] == [each.source.name for each in report.findings]
    assert ["search"] == [each.source.name for each in report.quoted]


def test_marks_protect_where_the_model_takes_them_off_and_nowhere_else(audit):
    prompt = f"Answer from this: {mark_untrusted(PAGE)}"
    look(audit, prompt, model=OURS)
    audit.assert_clean()
    look(audit, prompt, model=PLAIN)
    assert 1 == len(audit.report().findings)


def test_marked_text_is_from_outside_whoever_marked_it():
    audit = Audit()
    look(audit, f"Answer from this: {mark_untrusted(PAGE)}", model=OURS)
    audit.assert_clean()
    look(audit, f"Answer from this: {PAGE}", model=OURS)
    assert ["marked text"] == [each.source.name for each in audit.report().findings]


def test_a_data_message_is_from_outside():
    audit = Audit()
    look(audit, PAGE, model=OURS, role="data")
    audit.assert_clean()
    look(audit, PAGE, model=OURS)
    assert audit.report().findings


def test_a_marked_source_is_the_same_source(audit):
    audit.note_source("document", "again", [mark_untrusted(PAGE)])
    assert 1 == len(audit.report().sources)


def test_what_the_program_had_before_is_no_finding():
    audit = Audit(own=[OTHER])
    look(audit, f"The prompt. {PAGE}")
    for text in (PAGE, OTHER):
        audit.note_source("tool result", "echo", [text])
    look(audit, f"The prompt. {PAGE}", f"{OTHER} And: {PAGE}")
    audit.assert_clean()


def test_a_text_is_not_the_programs_own_because_it_says_so_later(audit):
    audit.note_own(PAGE)
    look(audit, PAGE)
    assert audit.report().findings


def test_what_a_model_repeats_is_told_apart(audit):
    audit.note_written(PAGE)
    look(audit, f"Earlier answer: {PAGE}", role="user")
    report = audit.report()
    assert ([], 1) == (report.findings, len(report.quoted))
    audit.assert_clean()


@pytest.mark.parametrize(
    ("does", "message"),
    [
        (lambda audit: None, "no model was called"),
        (lambda audit: look(audit, "Hello"), "no text came in from outside"),
    ],
)
def test_nothing_observed_is_not_clean(does, message):
    audit = Audit()
    does(audit)
    with pytest.raises(AssertionError, match=f"Nothing was observed: {message}"):
        audit.assert_clean()


def test_a_leak_is_not_clean(audit):
    look(audit, PAGE)
    with pytest.raises(AssertionError, match="1 of 1 texts from outside reached a model"):
        audit.assert_clean()


def test_what_had_no_room_is_not_clean():
    audit = Audit(max_words=3)
    audit.note_source("retrieved document", "shelf", [PAGE])
    look(audit, "Hello")
    with pytest.raises(AssertionError, match="shelf: more words than max_words has room for"):
        audit.assert_clean()


def test_loaded_documents_leave_room_for_what_is_retrieved():
    audit = Audit(max_words=20)
    audit.note_source("loaded document", "loader", [OTHER])
    audit.note_source("retrieved document", "shelf", [PAGE])
    look(audit, "Hello")
    audit.assert_clean()


def test_an_error_of_the_audits_own_is_kept_from_the_program_and_in_the_report(audit):
    with audit.guarded("a step"):
        raise ValueError("odd")
    look(audit, "Hello")
    with pytest.raises(AssertionError, match="a step: ValueError: odd"):
        audit.assert_clean()


def test_an_error_that_ends_the_program_is_not_kept(audit):
    with pytest.raises(KeyboardInterrupt), audit.guarded("a step"):
        raise KeyboardInterrupt


def test_one_canary_is_put_among_what_is_retrieved():
    audit, found = Audit(canaries=True), [PAGE]
    for _ in range(2):
        audit.seed(found, found, str)
    assert [PAGE, audit.canary.text] == found
    for text in found:
        audit.note_document("retrieved document", "shelf", iter([text]))
    report = audit.report()
    assert (1, ["retrieved document", "canary"]) == (
        report.canaries_seeded,
        [each.kind for each in report.sources],
    )


def test_no_canary_is_put_where_none_is_wanted_or_can_be():
    found, fixed = [PAGE], (PAGE,)
    Audit().seed(found, found, str)
    with_canaries = Audit(canaries=True)
    with_canaries.seed(fixed, fixed, str)
    assert ([PAGE], 0) == (found, with_canaries.report().canaries_seeded)


async def test_it_is_attached_for_the_length_of_a_block():
    attached = []

    @contextmanager
    def attach(audit):
        attached.append(audit)
        yield
        attached.remove(audit)

    audit = Audit([attach, attach])
    with audit as opened:
        assert [audit, audit] == attached
        assert opened is audit
    assert [] == attached
    async with audit:
        assert [audit, audit] == attached
    assert [] == attached


def test_where_one_cannot_be_attached_none_is():
    attached = []

    @contextmanager
    def attach(audit):
        attached.append(audit)
        try:
            yield
        finally:
            attached.remove(audit)

    @contextmanager
    def fail(audit):
        raise RuntimeError("no")
        yield

    with pytest.raises(RuntimeError, match="no"), Audit([attach, fail]):
        pass
    assert [] == attached


def test_twenty_threads(audit):
    texts = [
        f"{PAGE} {' '.join(f'n{number}x{word}' for word in range(20))}" for number in range(20)
    ]

    def run(text):
        audit.note_source("tool result", text[-10:], [text])
        look(audit, text)

    threads = [threading.Thread(target=run, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 21 == len({each.source for each in audit.report().findings})


@pytest.mark.parametrize(
    ("given", "error"), [({"own": "one text"}, TypeError), ({"max_words": 0}, ValueError)]
)
def test_bad_settings_are_refused(given, error):
    with pytest.raises(error, match=r"own=\[text\]|at least 1"):
        Audit(**given)
