

def test_missed_and_excess_voxels_that_touch_are_separate_errors():
    reference, prediction = np.zeros((12, 5, 5), bool), np.zeros((12, 5, 5), bool)
    reference[0:4, 0:3, 0:3] = True  # 36 voxels missed
    prediction[4:10, 0:5, 0:5] = True  # 150 voxels in excess, face to face with them
    click = next_click(prediction, reference, spacing_mm=(1.0, 1.0, 1.0))
    assert click is not None
    assert not click.positive
    assert click.ijk in {(6.0, 2.0, 2.0), (7.0, 2.0, 2.0)}  # three voxels deep; joined, it would lie nearer 4
