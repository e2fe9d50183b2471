"""The ScanNet categories that rooms are made of, with their public ids."""

from typing import NamedTuple


class Category(NamedTuple):
    """One row of the ScanNet label table."""

    name: str  # ``raw_category``
    raw_id: int  # ``id``, the ScanNet200 label value
    nyu40_id: int  # ``nyu40id``
    nyu40_name: str  # ``nyu40class``


_TABLE = (
    ("wall", 1, 1, "wall"),
    ("chair", 2, 5, "chair"),
    ("floor", 3, 2, "floor"),
    ("table", 4, 7, "table"),
    ("door", 5, 8, "door"),
    ("couch", 6, 6, "sofa"),
    ("cabinet", 7, 3, "cabinet"),
    ("shelf", 8, 15, "shelves"),
    ("desk", 9, 14, "desk"),
    ("office chair", 10, 5, "chair"),
    ("bed", 11, 4, "bed"),
    ("pillow", 13, 18, "pillow"),
    ("picture", 15, 11, "picture"),
    ("window", 16, 9, "window"),
    ("bookshelf", 18, 10, "bookshelf"),
    ("monitor", 19, 40, "otherprop"),
    ("curtain", 21, 16, "curtain"),
    ("book", 22, 23, "books"),
    ("armchair", 23, 5, "chair"),
    ("coffee table", 24, 7, "table"),
    ("box", 26, 29, "box"),
    ("refrigerator", 27, 24, "refrigerator"),
    ("lamp", 28, 35, "lamp"),
    ("tv", 33, 25, "television"),
    ("nightstand", 34, 32, "night stand"),
    ("dresser", 36, 17, "dresser"),
    ("stool", 38, 40, "otherprop"),
    ("plant", 40, 40, "otherprop"),
    ("ceiling", 41, 22, "ceiling"),
    ("tv stand", 51, 39, "otherfurniture"),
    ("whiteboard", 52, 30, "whiteboard"),
    ("trash can", 56, 39, "otherfurniture"),
    ("microwave", 59, 40, "otherprop"),
    ("bottle", 65, 40, "otherprop"),
    ("ottoman", 67, 39, "otherfurniture"),
    ("bench", 68, 39, "otherfurniture"),
    ("laptop", 77, 40, "otherprop"),
    ("suitcase", 93, 40, "otherprop"),
    ("radiator", 96, 39, "otherfurniture"),
    ("bowl", 562, 40, "otherprop"),
)
CATEGORIES = {row[0]: Category(*row) for row in _TABLE}
