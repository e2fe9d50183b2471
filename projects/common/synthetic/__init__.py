"""The synthetic world: analytic scenes, exact ground truth, real file layouts.

``solids`` and ``materials`` are what scenes are made of, ``raycast`` and ``scene``
turn them into images, ``room`` and ``furniture`` are the grammar of indoor scenes,
``trajectory`` moves the camera, ``mesh`` samples surfaces, and ``scannet`` writes.
"""

from projects.common.synthetic.dataset import write_scannet
from projects.common.synthetic.mesh import Mesh, scene_mesh
from projects.common.synthetic.room import Room, make_room
from projects.common.synthetic.scannet import sensor_intrinsics
from projects.common.synthetic.scene import Frame, Scene, render
from projects.common.synthetic.trajectory import make_trajectory

__all__ = [
    "Frame",
    "Mesh",
    "Room",
    "Scene",
    "make_room",
    "make_trajectory",
    "render",
    "scene_mesh",
    "sensor_intrinsics",
    "write_scannet",
]
