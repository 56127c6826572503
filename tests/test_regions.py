"""Area fractions of bleach regions against closed forms and supersampling."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skfrap import Circle, FRAPProtocol, Mask, Polygon, Rectangle

derandomized = settings(deadline=None, derandomize=True)
pixel_sizes = st.floats(0.05, 20.0)
shapes = st.tuples(st.integers(4, 40), st.integers(4, 40))
unit = st.floats(0.0, 1.0)


def shoelace(vertices):
    x, y = np.transpose(vertices)
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def supersampled(inside, shape, n=80):
    """Fraction of n x n points of every pixel that are inside(x, y), in pixels."""
    offsets = (np.arange(n) + 0.5) / n
    y = (np.arange(shape[0])[:, None] + offsets).ravel()
    x = (np.arange(shape[1])[:, None] + offsets).ravel()
    points = inside(x[None, :], y[:, None])
    return points.reshape(shape[0], n, shape[1], n).mean(axis=(1, 3))


def star(n_vertices, center, inner, outer):
    angles = np.linspace(0, 2 * np.pi, n_vertices, endpoint=False) + 0.1
    radii = np.where(np.arange(n_vertices) % 2, inner, outer)
    return np.column_stack([center[0] + radii * np.cos(angles), center[1] + radii * np.sin(angles)])


@derandomized
@given(shapes, pixel_sizes, unit, unit, unit)
def test_circle_area_is_pi_r_squared_anywhere(shape, pixel_size, size, u, v):
    ny, nx = shape
    largest = 0.5 * min(shape)
    radius = 0.6 + (largest - 0.6) * size  # pixels; up to touching the field's edges
    x, y = radius + (nx - 2 * radius) * u, radius + (ny - 2 * radius) * v
    circle = Circle(radius * pixel_size, center=(x * pixel_size, y * pixel_size))
    fractions = circle.area_fractions(shape, pixel_size)
    assert fractions.shape == shape
    assert fractions.min() >= 0
    assert fractions.max() <= 1
    assert fractions.sum() == pytest.approx(math.pi * radius**2, rel=1e-9)
    far = (np.arange(nx) + 0.5 - x) ** 2 + (np.arange(ny)[:, None] + 0.5 - y) ** 2
    reach = math.sqrt(0.5)
    assert (fractions[far > (radius + reach) ** 2] == 0).all()
    assert (fractions[far < max(0, radius - reach) ** 2] == 1).all()


@pytest.mark.parametrize(
    ("shape", "x", "y", "radius"),
    [((20, 30), 15.3, 9.1, 7.77), ((9, 14), 5.0, 4.0, 3.0), ((7, 7), 3.5, 3.5, 0.6)],
)
@pytest.mark.slow
def test_circle_pixel_by_pixel_against_supersampling(shape, x, y, radius):
    fractions = Circle(radius, center=(x, y)).area_fractions(shape, 1.0)
    sampled = supersampled(lambda a, b: (a - x) ** 2 + (b - y) ** 2 <= radius**2, shape, 400)
    np.testing.assert_allclose(fractions, sampled, atol=5e-4)


def test_circle_pixel_against_its_closed_form():
    radius, center = 9.3, 10.0
    fractions = Circle(radius, (center, center)).area_fractions((20, 20), 1.0)

    def area_left_of_chord(t):
        return 0.5 * (t * math.sqrt(radius**2 - t**2) + radius**2 * math.asin(t / radius))

    # The chord's half-length from y = 0 to 1, less the whole pixels before x = 9.
    expected = area_left_of_chord(1.0) - area_left_of_chord(0.0) - 9.0
    assert fractions[10, 19] == pytest.approx(expected, abs=1e-10)


def test_default_center_is_the_middle_of_the_field():
    shape, pixel_size = (11, 18), 0.7
    middle = (0.5 * 18 * pixel_size, 0.5 * 11 * pixel_size)
    for region, centered in [
        (Circle(2.3), Circle(2.3, middle)),
        (Rectangle(4.1, 2.2), Rectangle(4.1, 2.2, middle)),
    ]:
        fractions = region.area_fractions(shape, pixel_size)
        np.testing.assert_array_equal(fractions, centered.area_fractions(shape, pixel_size))
        np.testing.assert_allclose(fractions, fractions[::-1, ::-1], atol=1e-12)
        np.testing.assert_allclose(fractions, fractions[:, ::-1], atol=1e-12)


def test_first_pixel_is_centered_half_a_pixel_from_the_corner():
    fractions = Rectangle(2.0, 2.0, center=(3.0, 5.0)).area_fractions((6, 7), 2.0)
    assert np.argwhere(fractions).tolist() == [[2, 1]]  # row from y, column from x
    assert fractions[2, 1] == 1


@derandomized
@given(st.integers(-3, 3), st.integers(-3, 3), st.sampled_from(["circle", "rectangle", "polygon"]))
def test_whole_pixel_translation_shifts_the_fractions(right, down, kind):
    pixel_size, shape = 0.5, (24, 30)
    corners = np.array([(5.1, 3.3), (9.2, 4.0), (7.0, 8.4)])

    def region(dx, dy):
        return {
            "circle": lambda: Circle(2.2, (7.1 + dx, 6.03 + dy)),
            "rectangle": lambda: Rectangle(3.3, 2.1, (7.1 + dx, 6.03 + dy)),
            "polygon": lambda: Polygon(corners + np.array([dx, dy])),
        }[kind]()

    still = region(0, 0).area_fractions(shape, pixel_size)
    moved = region(right * pixel_size, down * pixel_size).area_fractions(shape, pixel_size)
    np.testing.assert_allclose(moved, np.roll(still, (down, right), axis=(0, 1)), atol=1e-11)


@derandomized
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_subpixel_offsets_mirror(dx, dy):
    ahead = Circle(5.3, (10 + dx, 8 + dy)).area_fractions((16, 20), 1.0)
    back = Circle(5.3, (10 - dx, 8 - dy)).area_fractions((16, 20), 1.0)
    np.testing.assert_allclose(ahead, back[::-1, ::-1], atol=1e-11)
    # x and y play the same part.
    turned = Circle(5.3, (8 + dy, 10 + dx)).area_fractions((20, 16), 1.0)
    np.testing.assert_allclose(ahead, turned.T, atol=1e-11)


@derandomized
@given(shapes, pixel_sizes, unit, unit, unit, unit)
def test_rectangle_is_the_product_of_overlaps_and_the_polygon(shape, pixel_size, w, h, u, v):
    ny, nx = shape
    width, height = 1.5 + (nx - 1.5) * w, 1.5 + (ny - 1.5) * h
    x0, y0 = (nx - width) * u, (ny - height) * v
    x1, y1 = x0 + width, y0 + height
    center = (0.5 * (x0 + x1) * pixel_size, 0.5 * (y0 + y1) * pixel_size)
    fractions = Rectangle(width * pixel_size, height * pixel_size, center).area_fractions(
        shape, pixel_size
    )
    overlap_x = [max(0.0, min(i + 1, x1) - max(i, x0)) for i in range(nx)]
    overlap_y = [max(0.0, min(j + 1, y1) - max(j, y0)) for j in range(ny)]
    np.testing.assert_allclose(fractions, np.outer(overlap_y, overlap_x), atol=1e-9)
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) * pixel_size
    np.testing.assert_allclose(
        fractions, Polygon(corners).area_fractions(shape, pixel_size), atol=1e-9
    )


@derandomized
@given(st.integers(3, 12).map(lambda n: 2 * n), st.floats(0.3, 1.0), unit, unit, pixel_sizes)
def test_polygon_area_is_the_shoelace_formula_either_way_round(n, inner, u, v, pixel_size):
    vertices = star(n, (9 + 7 * u, 9 + 4 * v), 8 * inner, 8) * pixel_size
    forth = Polygon(vertices).area_fractions((22, 25), pixel_size)
    back = Polygon(vertices[::-1]).area_fractions((22, 25), pixel_size)
    rolled = Polygon(np.roll(vertices, 3, axis=0)).area_fractions((22, 25), pixel_size)
    assert forth.sum() == pytest.approx(shoelace(vertices) / pixel_size**2, rel=1e-9)
    assert forth.min() >= 0
    assert forth.max() <= 1
    np.testing.assert_allclose(forth, back, atol=1e-10)
    np.testing.assert_allclose(forth, rolled, atol=1e-10)


def test_concave_polygon_pixel_by_pixel_against_supersampling():
    vertices = star(10, (8.2, 7.4), 3.0, 6.9)

    def inside(x, y):
        x, y = np.broadcast_arrays(x, y)
        odd = np.zeros(x.shape, bool)
        for (xa, ya), (xb, yb) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
            crosses = (ya > y) != (yb > y)
            odd ^= crosses & (x < xa + (xb - xa) * (y - ya) / (yb - ya))
        return odd

    fractions = Polygon(vertices).area_fractions((15, 17), 1.0)
    np.testing.assert_allclose(fractions, supersampled(inside, (15, 17), 200), atol=2e-3)


def test_polygon_of_many_vertices_tends_to_the_circle():
    circle = Circle(6.3, (10.1, 8.7)).area_fractions((18, 20), 1.0)

    def difference(n):
        vertices = star(n, (10.1, 8.7), 6.3, 6.3)
        return np.abs(Polygon(vertices).area_fractions((18, 20), 1.0) - circle).max()

    coarse, fine = difference(100), difference(400)
    assert fine < 2e-4
    assert coarse / fine == pytest.approx(16, rel=0.5)  # second order in the number of vertices


def test_polygon_with_edges_on_one_line():
    # A U: the tops of its arms lie on one line without meeting.
    u_shape = [(1, 1), (2, 1), (2, 3), (3, 3), (3, 1), (4, 1), (4, 5), (1, 5)]
    fractions = Polygon(u_shape).area_fractions((6, 6), 1.0)
    assert fractions.sum() == pytest.approx(10)
    assert fractions[1, 2] == 0


def test_mask_is_taken_as_it_is():
    array = np.zeros((5, 8))
    array[1:3, 2:6] = 0.75
    mask = Mask(array)
    array[:] = 0  # the mask holds a copy
    assert mask.area_fractions((5, 8), 3.0).sum() == 6
    with pytest.raises(ValueError, match="read-only"):
        mask.array[0, 0] = 1
    assert Mask(np.eye(3, dtype=bool)).area_fractions((3, 3), 1.0).sum() == 3


def test_masks_stay_read_only_in_a_pickle():
    mask = pickle.loads(pickle.dumps(Mask(np.eye(3))))
    with pytest.raises(ValueError, match="read-only"):
        mask.array[0, 0] = 0


def test_equal_masks_have_equal_hashes():
    zero, negative_zero = Mask([[0.0, 1.0]]), Mask([[-0.0, 1.0]])
    assert zero == negative_zero
    assert hash(zero) == hash(negative_zero)


@pytest.mark.parametrize(
    "region",
    [
        Circle(3.0, center=(2.9, 5.0)),
        Circle(5.1),
        Rectangle(10.1, 2.0),
        Rectangle(2.0, 2.0, center=(9.5, 5.0)),
        Polygon([(1.0, 1.0), (5.0, -0.1), (4.0, 4.0)]),
    ],
)
def test_region_that_leaves_the_field(region):
    with pytest.raises(ValueError, match=r"bleach_region.*leaves the field"):
        FRAPProtocol(shape=(10, 10), pixel_size=1.0, bleach_region=region)


def test_region_that_just_touches_the_field_is_inside():
    for region in (Circle(5.0), Rectangle(10.0, 10.0)):
        assert region.area_fractions((10, 10), 1.0).sum() > 78


@pytest.mark.parametrize(
    "region",
    [
        Circle(0.5),
        Rectangle(0.9, 1.0),
        Polygon([(4.0, 4.0), (5.0, 4.0), (4.0, 5.0)]),
        Mask(np.zeros((10, 10))),
        Mask(np.diag([0.0, 0.9] + 8 * [0.0])),
    ],
)
def test_region_smaller_than_a_pixel(region):
    with pytest.raises(ValueError, match=r"bleach_region.*pixel"):
        FRAPProtocol(shape=(10, 10), pixel_size=1.0, bleach_region=region)


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Circle(0.0), "radius"),
        (lambda: Circle(-1.0), "radius"),
        (lambda: Circle(math.nan), "radius"),
        (lambda: Circle("15"), "radius"),
        (lambda: Circle(1.0, center=3.0), "center"),
        (lambda: Circle(1.0, center=(1.0, math.nan)), "center"),
        (lambda: Circle(1.0, center=(1.0, 2.0, 3.0)), "center"),
        (lambda: Rectangle(math.inf, 1.0), "width"),
        (lambda: Rectangle(1.0, 0.0), "height"),
        (lambda: Rectangle(1.0, 1.0, center=(math.inf, 1.0)), "center"),
        (lambda: Polygon([(0, 0), (1, 1)]), "vertices"),
        (lambda: Polygon([(0, 0), (1, 1), (2, 2)]), "vertices"),
        (lambda: Polygon([(0, 0), (1, math.nan), (2, 0)]), "vertices"),
        (lambda: Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]), "vertices"),
        (lambda: Polygon([(0, 0), (4, 0), (4, 4), (1, -1)]), "vertices"),
        (lambda: Polygon([0, 1, 2]), "vertices"),
        (lambda: Mask(np.ones(4)), "array"),
        (lambda: Mask([[0.0, math.nan]]), "array"),
        (lambda: Mask([[0.0, 1.1]]), "array"),
        (lambda: Mask([[0.0, -0.1]]), "array"),
    ],
)
def test_errors_name_the_argument(make, argument):
    with pytest.raises(ValueError, match=argument):
        make()


def test_closed_polygons_are_not_said_to_cross():
    # Tools that export outlines often repeat the first vertex at the end.
    square = [(1, 1), (4, 1), (4, 4), (1, 4)]
    closed = Polygon([*square, square[0]]).area_fractions((6, 6), 1.0)
    np.testing.assert_array_equal(closed, Polygon(square).area_fractions((6, 6), 1.0))


def test_mask_of_another_shape_than_the_field():
    with pytest.raises(ValueError, match=r"bleach_region.*\(8, 6\).*\(6, 8\)"):
        FRAPProtocol(shape=(6, 8), bleach_region=Mask(np.ones((8, 6))))
