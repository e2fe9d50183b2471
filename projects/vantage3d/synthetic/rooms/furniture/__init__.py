"""Random furniture: one builder per kind, made of boxes, cylinders and ellipsoids."""

from collections.abc import Callable

from vantage3d.synthetic.rooms.furniture import fixtures, seating, small, storage
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, Top

Builder = Callable[[Generator], Piece]

STANDING: dict[str, Builder] = {
    "armchair": seating.armchair,
    "bed": seating.bed,
    "bench": seating.bench,
    "bookshelf": storage.bookshelf,
    "box": small.carton,
    "cabinet": storage.cabinet,
    "chair": seating.chair,
    "coffee table": seating.coffee_table,
    "couch": seating.couch,
    "desk": seating.desk,
    "dresser": storage.dresser,
    "lamp": small.floor_lamp,
    "nightstand": storage.nightstand,
    "office chair": seating.office_chair,
    "ottoman": seating.ottoman,
    "plant": small.plant,
    "refrigerator": storage.refrigerator,
    "stool": seating.stool,
    "suitcase": storage.suitcase,
    "table": seating.table,
    "trash can": storage.trash_can,
    "tv stand": storage.tv_stand,
    "wardrobe": storage.wardrobe,
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
    "curtain": fixtures.curtain,
    "door": fixtures.door,
    "picture": fixtures.picture,
    "radiator": fixtures.radiator,
    "whiteboard": fixtures.whiteboard,
    "window": fixtures.window,
}

__all__ = ["HANGING", "ON_TOP", "STANDING", "Builder", "Generator", "Piece", "Top"]
