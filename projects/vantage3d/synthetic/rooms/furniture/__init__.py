"""Random furniture: one builder per kind, made of boxes, cylinders and ellipsoids."""

from collections.abc import Callable

from vantage3d.synthetic.rooms.furniture import large, small
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, Top

Builder = Callable[[Generator], Piece]

STANDING: dict[str, Builder] = {
    "armchair": large.armchair,
    "bed": large.bed,
    "bench": large.bench,
    "bookshelf": large.bookshelf,
    "box": small.carton,
    "cabinet": large.cabinet,
    "chair": large.chair,
    "coffee table": large.coffee_table,
    "couch": large.couch,
    "desk": large.desk,
    "dresser": large.dresser,
    "lamp": small.floor_lamp,
    "nightstand": large.nightstand,
    "office chair": large.office_chair,
    "ottoman": large.ottoman,
    "plant": small.plant,
    "refrigerator": large.refrigerator,
    "stool": large.stool,
    "suitcase": large.suitcase,
    "table": large.table,
    "trash can": large.trash_can,
    "tv stand": large.tv_stand,
    "wardrobe": large.wardrobe,
}
ON_TOP: dict[str, tuple[Builder, ...]] = {
    "bed": (small.pillow,),
    "bench": (small.small_carton, small.pillow),
    "cabinet": (small.small_plant, small.small_carton, small.book_row, small.microwave),
    "coffee table": (small.book_pile, small.bowl, small.small_plant, small.laptop),
    "desk": (small.monitor, small.laptop, small.table_lamp, small.book_pile),
    "dresser": (small.table_lamp, small.small_plant, small.small_carton),
    "nightstand": (small.table_lamp, small.book_pile),
    "table": (small.bowl, small.bottle, small.book_pile, small.laptop, small.bottle),
    "tv stand": (small.tv,),
}
HANGING: dict[str, Builder] = {
    "curtain": small.curtain,
    "door": small.door,
    "picture": small.picture,
    "radiator": small.radiator,
    "whiteboard": small.whiteboard,
    "window": small.window,
}

__all__ = ["HANGING", "ON_TOP", "STANDING", "Builder", "Generator", "Piece", "Top"]
