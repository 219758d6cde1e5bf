"""The promises of Store, kept by every implementation."""

import threading
from collections.abc import Callable

import pytest

from bandeau.errors import MisconfiguredError, UnavailableError
from bandeau.ledger.record import Record
from bandeau.ledger.store import (
    KeptRecord,
    LedgerConflictError,
    PublishedNotice,
    Store,
    Tally,
    notice_digest,
)

SITE = "newsroom"
DAY = 20_781
NOTICE, NEWER = b'{"v":1}', b'{"v":2}'
VISITOR, ANOTHER = b"v" * 16, b"a" * 16

NewRecord = Callable[..., Record]


def test_records_are_numbered_in_the_order_of_appending(
    store: Store, new_record: NewRecord
) -> None:
    records = [new_record() for _ in range(5)]

    first = store.append(SITE, records[:3], expected_size=0)
    second = store.append(SITE, records[3:], expected_size=3)

    assert first == [0, 1, 2]
    assert second == [3, 4]
    assert store.size(SITE) == 5
    for index, record in enumerate(records):
        assert KeptRecord(index=index, record=record) == store.record(SITE, index)


def test_what_is_kept_is_what_was_brought(store: Store, new_record: NewRecord) -> None:
    # Opaque: not even JSON has to be in it.
    record = new_record(subject=VISITOR, kind="mixed", day=DAY)
    record = Record(
        request=record.request,
        subject=VISITOR,
        body=b"\x00\xff not JSON",
        day=DAY,
        kind="mixed",
    )

    store.append(SITE, [record], expected_size=0)

    kept = store.record(SITE, 0)
    assert kept is not None
    assert record == kept.record


def test_two_collectors_cannot_both_write_the_same_record(
    store: Store, new_record: NewRecord
) -> None:
    store.append(SITE, [new_record()], expected_size=0)

    with pytest.raises(LedgerConflictError, match="record 0 is already written") as e:
        store.append(SITE, [new_record()], expected_size=0)

    assert (e.value.expected_size, e.value.size) == (0, 1)
    assert store.size(SITE) == 1


def test_a_writer_ahead_of_the_store_is_refused(
    store: Store, new_record: NewRecord
) -> None:
    with pytest.raises(LedgerConflictError, match="records that are not there"):
        store.append(SITE, [new_record()], expected_size=3)

    assert store.size(SITE) == 0


def test_a_refused_append_writes_nothing(store: Store, new_record: NewRecord) -> None:
    record = new_record(subject=VISITOR)

    with pytest.raises(LedgerConflictError):
        store.append(SITE, [record], expected_size=1)

    assert store.find_request(SITE, record.request) is None
    assert store.of_subject(SITE, VISITOR) == []
    assert store.page(SITE) == []
    assert store.tallies(SITE, 0) == []


def test_a_request_key_has_one_record_for_ever(
    store: Store, new_record: NewRecord
) -> None:
    first, second, third = new_record(), new_record(), new_record()
    store.append(SITE, [first, second], expected_size=0)

    indexes = store.append(SITE, [second, third, first], expected_size=2)

    assert indexes == [1, 2, 0]
    assert store.size(SITE) == 3
    assert [Tally(day=DAY, kind="refused", count=3)] == store.tallies(SITE, DAY)


def test_the_first_record_of_a_request_key_stands(
    store: Store, new_record: NewRecord
) -> None:
    first = new_record(kind="refused")
    second = Record(
        request=first.request, subject=VISITOR, body=b"{}", day=DAY + 1, kind="accepted"
    )
    store.append(SITE, [first], expected_size=0)

    indexes = store.append(SITE, [second], expected_size=1)

    assert indexes == [0]
    assert [KeptRecord(index=0, record=first)] == store.page(SITE)
    assert [Tally(day=DAY, kind="refused", count=1)] == store.tallies(SITE, 0)


def test_a_request_key_twice_in_one_call_has_one_record(
    store: Store, new_record: NewRecord
) -> None:
    one, two = new_record(), new_record()

    indexes = store.append(SITE, [one, one, two, one], expected_size=0)

    assert indexes == [0, 0, 1, 0]
    assert store.size(SITE) == 2


def test_repeats_too_are_refused_by_a_wrong_size(
    store: Store, new_record: NewRecord
) -> None:
    record = new_record()
    store.append(SITE, [record], expected_size=0)

    with pytest.raises(LedgerConflictError):
        store.append(SITE, [record], expected_size=0)


def test_no_records_is_no_trouble(store: Store) -> None:
    assert store.append(SITE, [], expected_size=0) == []


def test_sites_are_strangers(store: Store, new_record: NewRecord) -> None:
    record = new_record(subject=VISITOR)
    other = new_record(subject=VISITOR)
    store.add_site("weather")
    store.append(SITE, [record], expected_size=0)

    indexes = store.append("weather", [other, record], expected_size=0)

    assert indexes == [0, 1]
    assert [record] == [kept.record for kept in store.page(SITE)]
    assert [record] == [kept.record for kept in store.of_subject(SITE, VISITOR)]
    assert [kept.index for kept in store.page("weather")] == [1, 0]
    assert store.find_request(SITE, other.request) is None
    assert [Tally(day=DAY, kind="refused", count=1)] == store.tallies(SITE, 0)


def test_adding_a_site_twice_adds_one(store: Store, new_record: NewRecord) -> None:
    store.append(SITE, [new_record()], expected_size=0)
    store.add_site("weather")

    store.add_site(SITE)

    assert store.sites() == [SITE, "weather"]
    assert store.size(SITE) == 1


def test_many_who_add_a_site_at_once_add_one(store: Store) -> None:
    start = threading.Barrier(8)

    def add() -> None:
        start.wait()
        store.add_site("weather")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.sites() == [SITE, "weather"]


ASK: dict[str, Callable[[Store, Record], object]] = {
    "append": lambda store, record: store.append("nobody", [record], expected_size=0),
    "size": lambda store, record: store.size("nobody"),
    "record": lambda store, record: store.record("nobody", 0),
    "find_request": lambda store, record: store.find_request("nobody", record.request),
    "of_subject": lambda store, record: store.of_subject("nobody", VISITOR),
    "page": lambda store, record: store.page("nobody"),
    "tallies": lambda store, record: store.tallies("nobody", 0),
    "notices": lambda store, record: store.notices("nobody"),
    "publish": lambda store, record: store.publish(
        "nobody", notice_digest(NOTICE), NOTICE, 0
    ),
}


@pytest.mark.parametrize("ask", ASK)
def test_asking_about_a_site_does_not_make_it(
    store: Store, new_record: NewRecord, ask: str
) -> None:
    with pytest.raises(MisconfiguredError, match="no site called 'nobody'"):
        ASK[ask](store, new_record())

    assert store.sites() == [SITE]


def test_the_present_notice_is_the_last(store: Store) -> None:
    store.publish(SITE, notice_digest(NOTICE), NOTICE, 10)
    store.publish(SITE, notice_digest(NEWER), NEWER, 20)

    assert [
        PublishedNotice(digest=notice_digest(NOTICE), body=NOTICE, at=10),
        PublishedNotice(digest=notice_digest(NEWER), body=NEWER, at=20),
    ] == store.notices(SITE)
    assert store.notice(notice_digest(NOTICE)) == NOTICE
    assert store.notice("n" * 43) is None


def test_publishing_the_present_notice_again_changes_nothing(store: Store) -> None:
    store.publish(SITE, notice_digest(NOTICE), NOTICE, 10)
    store.publish(SITE, notice_digest(NOTICE), NOTICE, 20)

    assert [notice.at for notice in store.notices(SITE)] == [10]


def test_an_earlier_notice_can_come_back(store: Store) -> None:
    for at, body in enumerate([NOTICE, NEWER, NOTICE]):
        store.publish(SITE, notice_digest(body), body, at)

    assert [n.body for n in store.notices(SITE)] == [NOTICE, NEWER, NOTICE]


def test_two_sites_may_publish_the_same_notice(store: Store) -> None:
    store.add_site("weather")
    store.publish(SITE, notice_digest(NOTICE), NOTICE, 10)
    store.publish("weather", notice_digest(NOTICE), NOTICE, 20)

    assert [notice.at for notice in store.notices(SITE)] == [10]
    assert [notice.at for notice in store.notices("weather")] == [20]


def test_a_notice_under_a_foreign_name_is_refused(store: Store) -> None:
    with pytest.raises(MisconfiguredError, match="not the digest of its bytes"):
        store.publish(SITE, notice_digest(NEWER), NOTICE, 10)

    assert store.notices(SITE) == []


def test_pages_are_newest_first_and_meet_without_gap(
    store: Store, new_record: NewRecord
) -> None:
    store.append(SITE, [new_record() for _ in range(7)], expected_size=0)

    first = store.page(SITE, limit=3)
    store.append(SITE, [new_record()], expected_size=7)  # comes in meanwhile
    second = store.page(SITE, before=first[-1].index, limit=3)
    third = store.page(SITE, before=second[-1].index, limit=3)

    assert [[kept.index for kept in page] for page in (first, second, third)] == [
        [6, 5, 4],
        [3, 2, 1],
        [0],
    ]
    assert store.page(SITE, before=0) == []
    assert store.page(SITE, before=-1) == []
    assert store.page(SITE, limit=0) == []
    assert store.page(SITE, limit=-1) == []


def test_there_is_no_record_outside_the_sequence(
    store: Store, new_record: NewRecord
) -> None:
    store.add_site("weather")
    store.append(SITE, [new_record()], expected_size=0)
    store.append("weather", [new_record()], expected_size=0)

    # -1 and 2^40 would be a neighbour's, where sites lie side by side.
    for index in (-1, 1, 2**40, -(2**40), 2**63):
        assert store.record(SITE, index) is None
    assert [kept.index for kept in store.page(SITE, before=2**63)] == [0]


def test_a_subject_is_found_with_all_its_records_and_nobody_elses(
    store: Store, new_record: NewRecord
) -> None:
    subjects = [VISITOR, ANOTHER, None, VISITOR, VISITOR]
    store.append(SITE, [new_record(subject=s) for s in subjects], expected_size=0)

    found = store.of_subject(SITE, VISITOR)

    assert [kept.index for kept in found] == [4, 3, 0]
    assert [k.index for k in store.of_subject(SITE, VISITOR, limit=2)] == [4, 3]
    assert [k.index for k in store.of_subject(SITE, VISITOR, before=3)] == [0]
    assert store.of_subject(SITE, bytes(16)) == []


def test_tallies_count_by_day_and_kind(store: Store, new_record: NewRecord) -> None:
    store.append(
        SITE,
        [
            new_record(kind="refused", day=DAY),
            new_record(kind="accepted", day=DAY),
            new_record(kind="refused", day=DAY),
            new_record(kind="withdrawn", day=DAY + 1),
        ],
        expected_size=0,
    )
    store.append(SITE, [new_record(kind="mixed", day=DAY + 1)], expected_size=4)

    assert [
        Tally(day=DAY, kind="accepted", count=1),
        Tally(day=DAY, kind="refused", count=2),
        Tally(day=DAY + 1, kind="mixed", count=1),
        Tally(day=DAY + 1, kind="withdrawn", count=1),
    ] == store.tallies(SITE, 0)
    assert {DAY + 1} == {tally.day for tally in store.tallies(SITE, DAY + 1)}


def test_threads_that_race_leave_one_sequence_without_gap(
    store: Store, new_record: NewRecord
) -> None:
    found: list[int] = []

    def append_ten() -> None:
        for _ in range(10):
            record, size = new_record(), 0
            while True:
                try:
                    found.extend(store.append(SITE, [record], expected_size=size))
                except LedgerConflictError as conflict:
                    size = conflict.size
                    continue
                break

    threads = [threading.Thread(target=append_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(range(40)) == sorted(found)
    assert store.size(SITE) == 40


def test_a_closed_store_is_out_of_reach(store: Store, new_record: NewRecord) -> None:
    store.close()

    with pytest.raises(UnavailableError, match="closed"):
        store.append(SITE, [new_record()], expected_size=0)
    with pytest.raises(UnavailableError, match="closed"):
        store.page(SITE)
