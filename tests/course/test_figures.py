"""The house style, captions, and the picture of a graph."""

import io

import matplotlib.pyplot as plt
import pytest
from matplotlib.image import imread

from mlstack_lib.course import figures
from mlstack_lib.course.exercises.chapter_02 import Value, backward
from mlstack_lib.course.pictures.exercise import draw_exercise
from mlstack_lib.course.pictures.graph import draw_graph
from mlstack_lib.course.pictures.losses import draw_losses
from mlstack_lib.course.pictures.stack import draw_stack


@pytest.fixture(autouse=True)
def house_style():
    with plt.rc_context():
        figures.style()
        yield
    plt.close("all")


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def test_show_prints_the_caption_below_and_closes_the_figure(capsys):
    figure = plt.figure()
    figures.show(figure, "Figure 1.1. A line.")
    assert capsys.readouterr().out == "Figure 1.1. A line.\n"
    assert not plt.fignum_exists(figure.number)


def test_colours_differ_in_lightness_and_lines_in_dashes():
    def lightness(color: str) -> float:
        r, g, b = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    values = sorted(lightness(color) for color in figures.COLORS)
    assert min(b - a for a, b in zip(values, values[1:], strict=False)) > 3
    assert len(set(map(str, figures.DASHES))) == len(figures.COLORS)


def test_the_same_picture_is_the_same_file():
    assert png(draw_losses({"a": [3, 2, 1]})) == png(draw_losses({"a": [3, 2, 1]}))


def test_a_graph_says_name_value_and_gradient_of_every_value_once():
    x, w = Value(3.0, name="x"), Value(2.0, name="w")
    product = w * x
    root = product + product
    backward(root)
    said = texts(draw_graph(root))
    assert sorted(s for s in said if s) == [
        "multiply\n6\ngrad 2", "plus\n12\ngrad 1", "w\n2\ngrad 6", "x\n3\ngrad 4",
    ]  # fmt: skip
    arrows = [s for s in said if not s]
    assert len(arrows) == 4  # w, x into the product; the product twice into the sum
    assert "grad" not in "".join(texts(draw_graph(root, gradients=False)))


def test_a_deep_graph_can_be_drawn_without_recursion():
    value = Value(1.0)
    for _ in range(1500):
        value = value + value
    assert len(texts(draw_graph(value))) == 1501 + 3000


@pytest.mark.parametrize("draw", [draw_stack, draw_exercise])
def test_a_picture_without_data_is_drawn_whole(draw):
    pixels = imread(io.BytesIO(png(draw())))
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((edge[..., :3] > 0.99).all() for edge in edges)  # nothing is cut off
    assert (pixels[..., :3] < 0.5).any()
