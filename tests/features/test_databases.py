"""The tests' own ground: both databases are real, migrated, and each test has its own."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection, connections

from safehold.desk.entities.models import Service


def _count_in_a_thread() -> int:
    try:
        return Service.objects.count()
    finally:
        connections.close_all()


def test_a_fresh_database_is_migrated_seen_by_threads_and_nobody_elses(fresh_database):
    assert connection.vendor == fresh_database.vendor
    assert Service.objects.count() == 0
    Service.objects.create(slug="plaza", name="Plaza")
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(_count_in_a_thread).result() == 1


def test_another_test_starts_afresh(fresh_database):
    assert Service.objects.count() == 0
