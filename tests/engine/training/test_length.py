"""How long a training is, and how its steps are cut into periods."""

import pytest

from engine.training.length import Length
from engine.training.options import Training


def test_epochs_are_the_periods_where_epochs_count():
    length = Length.of(Training(max_epoch=3), 10)
    assert (length.periods, length.total) == (3, 30)
    assert [length.until(k) for k in range(4)] == [0, 10, 20, 30]
    assert length.title(2, 14) == "epoch 2/3"
    assert length.place(1, 0) == "epoch 1 of 3"
    assert length.place(1, 4) == "step 4 of 10 of epoch 2"
    assert length.place(1, 10) == "the steps of epoch 2 of 3"


@pytest.mark.parametrize(
    ("total", "every", "steps"),
    [(8, 3, [3, 3, 2]), (6, 3, [3, 3]), (2, 3, [2]), (3, 1, [1, 1, 1])],
)
def test_the_last_period_of_iterations_has_what_is_left(total, every, steps):
    length = Length.of(Training(max_iterations=total, test_iterations=every), 10)
    assert [length.steps(k) for k in range(1, length.periods + 1)] == steps
    assert length.until(length.periods) == length.total == total
    assert length.place(1, 1) == f"iteration {steps[0] + 1} of {total}"
    assert length.title(1, 2) == f"iteration 2/{total}"
