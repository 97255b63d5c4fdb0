"""Draws how ||delta|| goes from layer to layer, from what `deltarule explain --json` says.

Usage: python3 way_back.py NAME=FILE... > FIGURE.svg
"""

import json
import math
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 70, 110, 20, 50
# Okabe and Ito's: the same network has the same colour wherever it is drawn.
COLOURS = ["#0072b2", "#d55e00", "#009e73"]
DASHES = ["", "6 4", "2 3"]


def read(word):
    """A curve's name, and its points: a layer and the norm of the signal there, the output first."""
    name, file = word.split("=", 1)
    with open(file, encoding="utf-8") as text:
        flow = json.load(text)["flow"]
    dense = [layer for layer in flow if layer["kind"] == "dense"]
    return name, [dense[0]["sent"]] + [layer["left"] for layer in dense]


def draw(curves):
    """The picture, as text."""
    most = max(len(norms) for _, norms in curves)
    exponents = [math.log10(norm) for _, norms in curves for norm in norms]
    low, high = math.floor(min(exponents)), math.ceil(max(exponents))

    def x(index):
        return round(LEFT + index * (WIDTH - LEFT - RIGHT) / (most - 1))

    def y(exponent):
        return round(TOP + (high - exponent) * (HEIGHT - TOP - BOTTOM) / (high - low))

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for exponent in range(low, high + 1):
        lines.append(f'<path d="M{LEFT} {y(exponent)} H{WIDTH - RIGHT}" stroke="#dfe3e8"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y(exponent) + 4}" text-anchor="end" fill="#55606e">1e{exponent}</text>')
    for index in range(most):
        name = "output" if index == 0 else f"hidden {most - index}"
        lines.append(f'<text x="{x(index)}" y="{HEIGHT - 28}" text-anchor="middle" fill="#55606e">{name}</text>')
    lines.append(f'<text x="{LEFT}" y="{HEIGHT - 8}" fill="#55606e">the norm of the error signal on its way back →</text>')
    for (name, norms), colour, dash in zip(curves, COLOURS, DASHES):
        points = [(x(index), y(math.log10(norm))) for index, norm in enumerate(norms)]
        path = " L".join(f"{a} {b}" for a, b in points)
        lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash or "none"}"/>')
        lines.extend(f'<circle cx="{a}" cy="{b}" r="4" fill="{colour}"/>' for a, b in points)
        a, b = points[-1]
        lines.append(f'<text x="{a + 10}" y="{b + 4}" fill="{colour}">{name}</text>')
    return "\n".join([*lines, "</svg>"])


print(draw([read(word) for word in sys.argv[1:]]))
