"""The synthetic world: analytic scenes, exact ground truth, real file layouts.

``render`` turns solids into images and surfaces, ``rooms`` and ``streets`` are scenes
and the cameras in them, ``layouts`` writes them as datasets lie on disk.
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
