"""Times, matches and savings of an annotation study, worked out by hand."""

import numpy as np
import pytest

from seganypet.analysis.annotation_matching import dice, matches
from seganypet.analysis.annotation_study import Effort, annotation_study
from seganypet.analysis.annotation_time import efforts, total
from seganypet.analysis.study_scans import scan_labels
from seganypet.analysis.study_tables import COLUMNS, csv_text, markdown
from seganypet.errors import UsageError
from study_readings import block, reading, simple


def test_time_belongs_to_the_object_of_the_later_action():
    found = efforts(
        reading(
            [
                ("open", 0),
                ("add", 10, 1),
                ("stroke", 15, 1),
                ("add", 40, 2),
                ("click", 48, 2),
                ("stroke", 50, 1),
            ]
        )
    )
    assert found[1] == Effort(seconds=10 + 5 + 2, clicks=0, strokes=2, actions=3)
    assert found[2] == Effort(seconds=25 + 8, clicks=1, strokes=0, actions=2)
    assert total(found.values()) == Effort(seconds=50, clicks=1, strokes=2, actions=5)


def test_of_a_pause_no_more_counts_than_the_limit():
    timeline = [("open", 0), ("add", 100, 1), ("stroke", 160, 1), ("stroke", 4000, 1)]
    assert efforts(reading(timeline))[1].seconds == 60 + 60 + 60
    assert efforts(reading(timeline), 90)[1].seconds == 90 + 60 + 90
    assert efforts(reading(timeline), 1e6)[1].seconds == 4000


def test_nothing_counts_while_the_reading_is_closed():
    timeline = [("open", 0), ("add", 5, 1), ("close", 30), ("open", 50), ("stroke", 57, 1), ("close", 59)]
    assert efforts(reading(timeline))[1].seconds == 5 + 7


def test_a_page_that_was_lost_and_opened_again_does_not_count_the_time_between():
    assert efforts(reading([("open", 0), ("add", 5, 1), ("open", 45), ("stroke", 47, 1)]))[1].seconds == 5 + 2


def test_what_was_undone_is_work():
    timeline = [("open", 0), ("add", 1, 1), ("click", 4, 1), ("undo", 9, 1), ("redo", 15, 1), ("box", 16, 1)]
    assert efforts(reading(timeline))[1] == Effort(seconds=16, clicks=2, strokes=0, actions=5)


def test_without_an_opening_the_first_action_takes_no_time():
    assert efforts(reading([("add", 100, 1), ("stroke", 130, 1)]))[1].seconds == 30
    assert efforts(reading([])) == {}


def test_events_of_no_object_end_no_pause():
    timeline = [("open", 0), ("add", 1, 1), ("looked", 30), ("stroke", 55, 1)]
    assert efforts(reading(timeline))[1].seconds == 55


def test_a_timeline_out_of_order_is_sorted():
    assert efforts(reading([("stroke", 20, 1), ("open", 0), ("add", 5, 1)]))[1].seconds == 20


def test_dice_of_boxes_on_one_grid():
    # 4³ = 64 voxels each, shifted by one: 48 in common; by 3 along each axis: one
    assert dice(block(1, (2, 2, 2)), block(1, (3, 2, 2))) == pytest.approx(2 * 48 / 128)
    assert dice(block(1, (2, 2, 2)), block(1, (5, 5, 5))) == pytest.approx(2 / 128)
    assert dice(block(1, (2, 2, 2)), block(1, (2, 2, 2))) == 1
    assert dice(block(1, (2, 2, 2)), block(1, (6, 2, 2))) == 0
    assert dice(block(1, (2, 2, 2)), block(1, (0, 0, 0), 0)) == 0
    assert dice(block(1, (0, 0, 0), 0), block(1, (0, 0, 0), 0)) is None


def test_the_largest_overlap_is_taken_first_and_each_object_once():
    first = [block(1, (2, 2, 2)), block(2, (5, 2, 2))]
    # 7 overlaps both, the second more; 8 overlaps the first a little
    second = [block(7, (4, 2, 2)), block(8, (0, 2, 2))]
    found = matches(first, second)
    assert [(m.first and m.first.id, m.second and m.second.id, m.by) for m in found] == [
        (1, 8, "overlap"),
        (2, 7, "overlap"),
    ]
    assert [m.dice for m in found] == [pytest.approx(2 * 32 / 128), pytest.approx(2 * 48 / 128)]


def test_what_overlaps_nothing_is_matched_by_a_name_that_nothing_else_has():
    first = [
        block(1, (0, 0, 0), name="Liver"),
        block(2, (0, 10, 0), name="lesion"),
        block(3, (0, 15, 0), name="lesion"),
    ]
    second = [
        block(4, (9, 0, 0), name=" liver "),
        block(5, (9, 10, 0), name="lesion"),
        block(6, (0, 15, 0), name="x"),
    ]
    found = [(m.first and m.first.id, m.second and m.second.id, m.by, m.dice) for m in matches(first, second)]
    # 3 and 6 overlap; then one "lesion" is left on each side
    assert found == [(1, 4, "name", 0), (2, 5, "name", 0), (3, 6, "overlap", 1)]
    found = [(m.first and m.first.id, m.second and m.second.id, m.by) for m in matches(first, second[:2])]
    assert found == [(1, 4, "name"), (2, None, None), (3, None, None), (None, 5, None)]


def test_the_study_of_two_readers():
    """Ada: 50 s and 30 s by hand, 10 s and 6 s assisted. Ben: 40 s and 10 s, another scan by hand alone."""
    shifted = [block(1, (3, 2, 2))]
    logs = [
        [
            simple(50, assisted=False, scan="a"),
            simple(10, assisted=True, scan="a", objects=shifted),
            simple(30, assisted=False, scan="b"),
            simple(6, assisted=True, scan="b"),
        ],
        [
            simple(40, assisted=False, scan="a", reader="Ben", objects=shifted),
            simple(10, assisted=True, scan="a", reader="Ben"),
            simple(20, assisted=False, scan="b", reader="Ben"),
        ],
    ]
    study = annotation_study(logs)
    scans = {c.reader: c for c in study.comparisons if c.unit == "scan"}
    assert set(scans) == {"Ada", "Ben", None}
    ada = scans["Ada"]
    assert (ada.n, ada.manual.total_s, ada.manual.mean_s, ada.assisted.mean_s) == (2, 80, 40, 8)
    assert ada.manual.sd_s == pytest.approx(np.sqrt(200))
    assert ada.saving_pct == pytest.approx(80)
    assert scans["Ben"].saving_pct == pytest.approx(75)
    assert scans["Ben"].manual.sd_s is None
    assert (scans[None].n, scans[None].saving_pct) == (3, pytest.approx(100 * (1 - 26 / 120)))
    lesions = {c.reader: c for c in study.comparisons if c.unit == "lesion"}
    assert lesions["Ada"].dice == pytest.approx((0.75 + 1) / 2)
    assert lesions["Ada"].saving_pct == pytest.approx(80)
    assert study.unpaired == (("b", "Ben", "manual"),)
    assert [(p.scan, p.reader, p.saving_pct) for p in study.scans] == [
        ("a", "Ada", pytest.approx(80)),
        ("a", "Ben", pytest.approx(75)),
        ("b", "Ada", pytest.approx(80)),
    ]
    by_hand, assisted = study.agreements
    assert (by_hand.readers, by_hand.mode, by_hand.scans, by_hand.lesions) == (("Ada", "Ben"), "manual", 2, 2)
    assert by_hand.dice == pytest.approx((0.75 + 1) / 2)
    assert (assisted.mode, assisted.scans, assisted.dice) == ("assisted", 1, pytest.approx(0.75))


def test_lesions_without_a_counterpart_are_rows_and_count_for_their_scan():
    manual = reading(
        [("open", 0), ("add", 10, 1), ("stroke", 30, 1), ("add", 50, 2), ("stroke", 60, 2)],
        [block(1, (2, 2, 2)), block(2, (12, 12, 12), name="second")],
    )
    study = annotation_study([[manual, simple(6, assisted=True)]])
    first, second = study.lesions
    assert (first.manual.seconds, first.assisted.seconds, first.saving_pct) == (30, 6, pytest.approx(80))
    assert (first.manual_object, first.assisted_object, first.matched_by) == (
        "1 lesion",
        "1 lesion",
        "overlap",
    )
    assert (second.manual.seconds, second.assisted, second.saving_pct, second.dice) == (30, None, None, None)
    (scan,) = study.scans
    assert (scan.manual.seconds, scan.saving_pct) == (60, pytest.approx(90))
    row = csv_text(study).splitlines()[2]
    assert row == "pet.nii,Ada,2 second,,no pair,30.000,,,0,,1,,2,,"
    assert "- pet.nii, Ada: no pair for 2 second (manual only)" in markdown(study)


def test_deleted_objects_count_for_their_scan():
    manual = reading(
        [("open", 0), ("add", 10, 1), ("remove", 20, 1), ("add", 30, 2), ("stroke", 40, 2)],
        [block(2, (2, 2, 2))],
    )
    study = annotation_study([[manual, simple(5, assisted=True)]])
    assert study.scans[0].manual.seconds == 40
    assert study.lesions[0].manual.seconds == 20


def test_work_without_time_saves_nothing_that_can_be_told():
    study = annotation_study([[simple(0, assisted=False), simple(5, assisted=True)]])
    assert study.scans[0].saving_pct is None
    assert study.comparisons[0].saving_pct is None


def test_wilcoxon_from_six_pairs_on():
    readings = [
        simple(seconds, assisted=assisted, scan=str(n))
        for n in range(6)
        for seconds, assisted in ((30 + n, False), (5 + 2 * n, True))
    ]
    # all six differences have one sign: two-sided p = 2 / 2⁶
    assert annotation_study([readings]).comparisons[0].p_value == pytest.approx(2 / 64)
    assert annotation_study([readings[:10]]).comparisons[0].p_value is None
    equal = [simple(9, assisted=assisted, scan=str(n)) for n in range(6) for assisted in (False, True)]
    assert annotation_study([equal]).comparisons[0].p_value is None


def test_without_readings_there_is_no_study():
    with pytest.raises(UsageError, match="no readings to compare; begin some"):
        annotation_study([[], []])


def test_a_study_of_one_side_says_what_is_missing():
    readings = [
        simple(9, assisted=False),
        simple(9, assisted=False, scan="b"),
        simple(9, assisted=True, reader="Ben"),
    ]
    with pytest.raises(UsageError, match=r"\(Ada: 2 manual, Ben: 1 assisted\); the same reader"):
        annotation_study([readings])


def test_a_reading_in_two_logs_is_refused():
    manual, assisted = simple(9, assisted=False), simple(3, assisted=True)
    with pytest.raises(
        UsageError, match=r"the manual reading of pet\.nii by Ada is in two logs; give each once"
    ):
        annotation_study([[manual, assisted], [manual]])


def test_work_folders_of_two_machines_know_a_scan_by_name_and_shape():
    logs = [[simple(9, assisted=False, scan_id="1" * 16)], [simple(3, assisted=True, scan_id="2" * 16)]]
    assert set(scan_labels(logs).values()) == {"pet.nii"}
    assert annotation_study(logs).scans[0].saving_pct == pytest.approx(100 * (1 - 3 / 9))
    other = simple(3, assisted=True, scan_id="2" * 16, shape=(20, 20, 21))
    with pytest.raises(UsageError, match="nobody read a scan both ways"):
        annotation_study([logs[0], [other]])


def test_scans_of_one_name_in_a_work_folder_stay_apart():
    one, two = "1" * 16, "2" * 16
    log = [
        simple(seconds, assisted=assisted, scan_id=scan_id)
        for scan_id, seconds, assisted in ((one, 9, False), (one, 3, True), (two, 8, False), (two, 4, True))
    ]
    study = annotation_study([log])
    assert {pair.scan: pair.saving_pct for pair in study.scans} == {
        "pet.nii (11111111)": pytest.approx(100 * 2 / 3),
        "pet.nii (22222222)": pytest.approx(50),
    }
    # the same readings, exported one by one
    assert annotation_study([[r] for r in log]).scans == study.scans


def test_the_spreadsheet_has_a_row_for_each_pair():
    text = csv_text(annotation_study([[simple(30, assisted=False), simple(6, assisted=True)]]))
    heading, row = text.splitlines()
    assert heading == ",".join(COLUMNS)
    assert row == "pet.nii,Ada,1 lesion,1 lesion,overlap,30.000,6.000,80.00,0,1,2,0,3,2,1.0000"


def test_names_are_no_formulas_and_break_no_table():
    readings = [simple(9, assisted=assisted, reader="=1+1", scan="a|b") for assisted in (False, True)]
    study = annotation_study([readings])
    assert csv_text(study).splitlines()[1].startswith("a|b,'=1+1,")
    assert "| a\\|b | =1+1 |" in markdown(study)


def test_the_report_has_the_papers_table():
    readings = [
        simple(seconds, assisted=assisted, reader=reader, scan=scan)
        for reader in ("Ada", "Ben")
        for scan, seconds, assisted in (("a", 40, False), ("a", 8, True), ("b", 20, False), ("b", 4, True))
    ]
    text = markdown(annotation_study([readings], idle_s=45))
    assert "| Reader | Scans | Manual | Assisted | Time saved | p |" in text
    assert "| Ada | 2 | 30.0 ± 14.1 s | 6.0 ± 2.8 s | 80.00 % | – |" in text
    assert "| all readers | 4 | 30.0 ± 11.5 s | 6.0 ± 2.3 s | 80.00 % | – |" in text
    assert "| Ada and Ben | manual | 2 | 2 | 0 | 1.000 |" in text
    assert "at most 45 s count" in text
    assert "Without a counterpart" not in text
