"""The synthetic world: analytic scenes, exact ground truth, real file layouts.

``solids`` and ``materials`` are what scenes are made of; ``raycast``, ``shading`` and
``scene`` turn them into images and ``mesh`` into surfaces. ``room``, ``floor_plan`` and
``furniture`` are the grammar of indoor scenes, ``trajectory`` and ``filming`` the
camera in them; ``street`` is all that for drives along a road. ``scannet``,
``rgbd_folder`` and ``kitti360`` are layouts on disk, ``dataset`` writes many rooms in
one of them.
"""

from vantage3d.synthetic.layouts.dataset import (
    LAYOUTS,
    write_dataset,
    write_rgbd_folder,
    write_scannet,
)
from vantage3d.synthetic.render.mesh import Mesh, scene_mesh
from vantage3d.synthetic.render.scene import Frame, Scene, add_sensor_noise, render
from vantage3d.synthetic.rooms.filming import THEMES, make_trajectory, sensor_intrinsics
from vantage3d.synthetic.rooms.flush import make_flush_room
from vantage3d.synthetic.rooms.room import Room, make_room
from vantage3d.synthetic.streets import STYLES

__all__ = [
    "LAYOUTS",
    "STYLES",
    "THEMES",
    "Frame",
    "Mesh",
    "Room",
    "Scene",
    "add_sensor_noise",
    "make_flush_room",
    "make_room",
    "make_trajectory",
    "render",
    "scene_mesh",
    "sensor_intrinsics",
    "write_dataset",
    "write_rgbd_folder",
    "write_scannet",
]
