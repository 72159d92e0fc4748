"""One page at a time works on a reading, until it is silent for too long or another takes over."""

import pytest

from seganypet.app.leases import Leases
from seganypet.app.problems import LockedError

SECONDS = 60.0


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def leases(clock):
    return Leases(SECONDS, clock=clock)


def test_who_comes_first_works_and_others_are_refused(leases):
    lease = leases.take("a")
    leases.check("a", lease)
    with pytest.raises(LockedError, match="open elsewhere; close it there, or take over"):
        leases.take("a")
    leases.check("a", lease)


@pytest.mark.parametrize("lease", [None, "", "0" * 16])
def test_who_holds_no_lease_is_refused(leases, lease):
    with pytest.raises(LockedError, match="not open here"):
        leases.check("a", lease)
    leases.take("a")
    with pytest.raises(LockedError, match="not open here"):
        leases.check("a", lease)


def test_readings_have_leases_of_their_own(leases):
    lease, other = leases.take("a"), leases.take("b")
    assert lease != other
    with pytest.raises(LockedError):
        leases.check("b", lease)


def test_taking_over_ends_the_other_lease(leases):
    old = leases.take("a")
    new = leases.take("a", take_over=True)
    leases.check("a", new)
    with pytest.raises(LockedError, match="taken over"):
        leases.check("a", old)
    with pytest.raises(LockedError):
        leases.take("a", old)


def test_a_lease_is_renewed_and_stays_the_same(leases, clock):
    lease = leases.take("a")
    for _ in range(5):
        clock.now += SECONDS - 1
        assert leases.take("a", lease) == lease
    clock.now += SECONDS - 1
    with pytest.raises(LockedError):
        leases.take("a")


def test_a_change_renews_the_lease(leases, clock):
    lease = leases.take("a")
    clock.now += SECONDS - 1
    leases.check("a", lease)
    clock.now += SECONDS - 1
    with pytest.raises(LockedError, match="open elsewhere"):
        leases.take("a")


def test_a_page_that_was_silent_for_too_long_gives_way(leases, clock):
    old = leases.take("a")
    clock.now += SECONDS + 1
    new = leases.take("a")
    leases.check("a", new)
    with pytest.raises(LockedError):
        leases.check("a", old)


def test_a_page_that_was_silent_goes_on_where_nobody_came_meanwhile(leases, clock):
    lease = leases.take("a")
    clock.now += 100 * SECONDS
    leases.check("a", lease)
    with pytest.raises(LockedError):
        leases.take("a")


def test_a_lease_that_was_released_leaves_the_reading_free(leases):
    lease = leases.take("a")
    leases.release("a", lease)
    with pytest.raises(LockedError):
        leases.check("a", lease)
    leases.check("a", leases.take("a"))


@pytest.mark.parametrize("lease", ["", "0" * 16])
def test_nobody_releases_the_lease_of_another(leases, lease):
    held = leases.take("a")
    leases.release("a", lease)
    leases.release("b", held)
    leases.check("a", held)


def test_a_lease_of_before_a_restart_becomes_a_new_one(leases):
    new = leases.take("a", "0123456789abcdef")
    assert new != "0123456789abcdef"  # nobody chooses the name of a lease
    leases.check("a", new)
