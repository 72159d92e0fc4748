"""Processes side by side: every work done once, and none left over when the parent is gone."""

from __future__ import annotations

import os
import signal

import pytest

from orphans import assert_none_outlives, on_linux
from seganypet.errors import OutputError
from seganypet.io.side_by_side import side_by_side

# A script, which its own processes import: two of them sleep, each beside a file with its number.
SLEEPING = """
import os, sys, time
from pathlib import Path
from seganypet.io.side_by_side import side_by_side

def sleep(folder, number):
    (Path(folder) / f"{number}.pid").write_text(str(os.getpid()))
    time.sleep(60)

if __name__ == "__main__":
    list(side_by_side(sleep, [(sys.argv[1], 1), (sys.argv[1], 2)], 2, called="this"))
"""


def power(base: int, exponent: int) -> tuple[int, int]:
    return base**exponent, os.getpid()


def kill_itself(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_each_work_is_done_in_processes_of_their_own():
    found = dict(side_by_side(power, [(2, 3), (3, 2), (5, 1)], 2, called="this"))
    assert {number: result for number, (result, _) in found.items()} == {0: 8, 1: 9, 2: 5}
    assert os.getpid() not in {process for _, process in found.values()}


@pytest.mark.parametrize(("arguments", "jobs"), [([(2, 3), (3, 2)], 1), ([(2, 3)], 4), ([], 4)])
def test_what_needs_no_other_process_is_done_here_in_order(arguments, jobs):
    found = list(side_by_side(power, arguments, jobs, called="this"))
    assert [number for number, _ in found] == list(range(len(arguments)))
    assert {process for _, (_, process) in found} <= {os.getpid()}


def test_refuses_to_go_on_without_a_process_that_was_ended():
    with pytest.raises(
        OutputError, match=r"a process that this started was ended \(.*\); give it more memory or"
    ):
        list(side_by_side(kill_itself, [(0,), (1,), (2,)], 2, called="this"))


@on_linux
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_their_parent_however_it_ends(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(SLEEPING)
    assert_none_outlives(script, [tmp_path], [tmp_path / "1.pid", tmp_path / "2.pid"], number)
