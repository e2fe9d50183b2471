"""The synthetic world: analytic scenes, exact ground truth, real file layouts.

``solids`` and ``materials`` are what scenes are made of; ``raycast``, ``shading`` and
``scene`` turn them into images and ``mesh`` into surfaces. ``room``, ``floor_plan`` and
``furniture`` are the grammar of indoor scenes, ``trajectory`` and ``filming`` the
camera in them; ``street`` is all that for drives along a road. ``scannet``,
``rgbd_folder`` and ``kitti360`` are layouts on disk, ``dataset`` writes many rooms in
one of them.
"""

from projects.common.synthetic.dataset import (
    LAYOUTS,
    write_dataset,
    write_rgbd_folder,
    write_scannet,
)
from projects.common.synthetic.filming import THEMES, sensor_intrinsics
from projects.common.synthetic.flush import make_flush_room
from projects.common.synthetic.mesh import Mesh, scene_mesh
from projects.common.synthetic.room import Room, make_room
from projects.common.synthetic.scene import Frame, Scene, add_sensor_noise, render
from projects.common.synthetic.street import STYLES
from projects.common.synthetic.trajectory import make_trajectory

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
