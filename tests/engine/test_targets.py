"""A set without a single target is refused before the training begins."""

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset

from vantage3d.engine.errors import ConfigError
from vantage3d.engine.targets import check_targets


class Part(BaseDataset):
    def __init__(self, reason=None):
        super().__init__(lazy_init=True)
        if reason is not None:
            self.lacks_targets = lambda: reason

    def load_data_list(self):
        return [{}]


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: RepeatDataset(one, 2)])
def test_what_a_dataset_says_is_found_in_wrappers(wrap):
    check_targets(wrap(Part()))
    check_targets(wrap(Part("")))
    with pytest.raises(ConfigError, match=r"nothing to train on: a\.json has none"):
        check_targets(wrap(Part("a.json has none")))


def test_one_part_of_several_is_enough():
    empty, good = Part("a.json has none"), Part("")
    check_targets(ConcatDataset([empty, good]))
    with pytest.raises(ConfigError, match=r"a\.json has none; a\.json has none"):
        check_targets(ConcatDataset([empty, empty]))
