"""Pinhole cameras: pixels to points and back."""

from vantage3d.checks import check_positive, check_shape
from vantage3d.geometry.transforms import (
    Array,
    arange_like,
    copy,
    stack,
    transform_points,
)


def scale_intrinsics(K: Array, scale_x: float, scale_y: float | None = None) -> Array:
    """Intrinsics of the resized image, by the half-pixel rule.

    With pixel centres at integers the image spans [-0.5, W - 0.5], so resizing maps
    x to (x + 0.5) * scale - 0.5, which is what area and bilinear resizing do.

    Args:
        K: (..., 3, 3) intrinsics in pixels of the source image.
        scale_x: Target width / source width.
        scale_y: Target height / source height; ``scale_x`` if not given.

    Returns:
        (..., 3, 3) intrinsics in pixels of the target image.

    Raises:
        ValueError: If the shape is wrong or a scale is not positive.
    """
    check_shape("K", K, "... 3 3")
    scale_y = scale_x if scale_y is None else scale_y
    check_positive("scale_x", scale_x)
    check_positive("scale_y", scale_y)
    scaled = copy(K)
    scaled[..., 0, :2] = K[..., 0, :2] * scale_x
    scaled[..., 1, 1] = K[..., 1, 1] * scale_y
    scaled[..., 0, 2] = (K[..., 0, 2] + 0.5) * scale_x - 0.5
    scaled[..., 1, 2] = (K[..., 1, 2] + 0.5) * scale_y - 0.5
    return scaled


def pixel_grid(height: int, width: int, like: Array) -> Array:
    """(H, W, 2) pixel centres (x, y) with the dtype and device of ``like``."""
    xs, ys = arange_like(width, like), arange_like(height, like)
    return stack([ys[:, None] * 0 + xs, ys[:, None] + xs * 0], -1)


def normalise_pixels(pixels: Array, K: Array) -> Array:
    """(..., N, 2) coordinates x / z, y / z of pixels (..., N, 2) with K (..., 3, 3)."""
    y = (pixels[..., 1] - K[..., 1, 2, None]) / K[..., 1, 1, None]
    x = pixels[..., 0] - K[..., 0, 2, None] - K[..., 0, 1, None] * y
    return stack([x / K[..., 0, 0, None], y], -1)


def unproject_pixels(pixels: Array, depth: Array, K: Array, cam2world: Array) -> Array:
    """World points of single pixels.

    Args:
        pixels: (..., N, 2) pixel coordinates (x, y), centres at integers.
        depth: (..., N) z-depth in metres.
        K: (..., 3, 3) intrinsics in pixels.
        cam2world: (..., 4, 4) rigid transforms, OpenCV axes.

    Returns:
        (..., N, 3) points in metres.

    Raises:
        ValueError: If the trailing dimensions are wrong.
    """
    dims = check_shape("pixels", pixels, "... N 2")
    check_shape("depth", depth, "... N", dims=dims)
    check_shape("K", K, "... 3 3")
    coords = normalise_pixels(pixels, K)
    x, y = coords[..., 0], coords[..., 1]
    rays = stack([x, y, y * 0 + 1], -1)
    return transform_points(cam2world, rays * depth[..., None])


def unproject(depth: Array, K: Array, cam2world: Array) -> Array:
    """Points of every pixel in the world frame.

    Args:
        depth: (..., H, W) z-depth in metres, 0 where missing.
        K: (..., 3, 3) intrinsics in pixels of ``depth``.
        cam2world: (..., 4, 4) rigid transforms, OpenCV axes.

    Returns:
        (..., H, W, 3) points in metres; zero where depth is missing.

    Raises:
        ValueError: If the leading dimensions disagree.
    """
    check_shape("depth", depth, "... H W")
    leading = tuple(depth.shape[:-2])
    spec = " ".join(str(size) for size in leading)
    check_shape("K", K, f"{spec} 3 3", fix="One K per depth map.")
    check_shape("cam2world", cam2world, f"{spec} 4 4", fix="One pose per depth map.")
    height, width = depth.shape[-2:]
    pixels = pixel_grid(height, width, depth).reshape(-1, 2)
    flat = depth.reshape(*leading, height * width)
    points = unproject_pixels(pixels, flat, K, cam2world) * (flat != 0)[..., None]
    return points.reshape(*leading, height, width, 3)


def project(points: Array, K: Array, world2cam: Array) -> tuple[Array, Array]:
    """Pixels and depths of world points.

    Args:
        points: (..., N, 3) world points in metres.
        K: (..., 3, 3) intrinsics in pixels.
        world2cam: (..., 4, 4) rigid transforms, OpenCV axes.

    Returns:
        (..., N, 2) pixels (x, y) and (..., N) z-depth in metres. Where the depth is
        not positive the point is not in front of the camera and its pixel means
        nothing.

    Raises:
        ValueError: If the trailing dimensions are wrong.
    """
    check_shape("K", K, "... 3 3")
    points_cam = transform_points(world2cam, points)
    depth = points_cam[..., 2]
    divisor = depth + (depth == 0) * 1e-12
    x, y = points_cam[..., 0] / divisor, points_cam[..., 1] / divisor
    skewed = x * K[..., 0, 0, None] + y * K[..., 0, 1, None]
    u, v = skewed + K[..., 0, 2, None], y * K[..., 1, 1, None] + K[..., 1, 2, None]
    return stack([u, v], -1), depth


def distance_to_depth(distance: Array, K: Array) -> Array:
    """z-depth of distances along the rays of pixels.

    Args:
        distance: (H, W) from the camera centre to the surface, 0 where missing.
        K: (3, 3) intrinsics in pixels of ``distance``, centres at integers.

    Returns:
        (H, W) z-depth in the unit of ``distance``: distance / |(x, y, 1)|.

    Raises:
        ValueError: If a shape is wrong.
    """
    dims = check_shape("distance", distance, "H W")
    check_shape("K", K, "3 3")
    rays = normalise_pixels(pixel_grid(dims["H"], dims["W"], K), K)
    return distance / ((rays**2).sum(-1) + 1) ** 0.5
