# SPDX-License-Identifier: LGPL-2.1-or-later
"""Colours as palettes of other people have them. A hue is here only if whoever sees
it gives it the same name: Material's pink 500 and Tango's aluminium 6 are not."""

PALETTES = {
    "material": {
        "red": "f44336 e53935 d32f2f", "green": "4caf50 43a047 388e3c",
        "blue": "2196f3 1e88e5 1976d2", "yellow": "ffeb3b fdd835 ffee58",
        "orange": "ff9800 fb8c00 f57c00", "purple": "9c27b0 8e24aa 7b1fa2",
        "pink": "f06292 f48fb1", "brown": "795548 6d4c41 5d4037",
        "white": "ffffff fafafa", "black": "000000 212121",
        "gray": "9e9e9e 757575", "cyan": "00bcd4 26c6da"},
    "tango": {
        "red": "ef2929 cc0000", "green": "73d216 4e9a06",
        "blue": "3465a4 204a87", "yellow": "fce94f edd400",
        "orange": "fcaf3e f57900", "purple": "5c3566",
        "brown": "8f5902", "white": "ffffff eeeeec", "black": "000000",
        "gray": "888a85"},
    "css": {
        "red": "ff0000 dc143c", "green": "008000 228b22 32cd32",
        "blue": "0000ff 4169e1 1e90ff", "yellow": "ffff00 ffd700",
        "orange": "ffa500 ff8c00", "purple": "800080 663399 9400d3",
        "pink": "ff69b4 ffc0cb ffb6c1", "brown": "8b4513 a0522d",
        "white": "ffffff fffafa", "black": "000000", "gray": "808080 a9a9a9",
        "cyan": "00ffff 00ced1"},
}
NAMES = list(PALETTES["css"])


def rgb(text):
    return tuple(int(text[i:i + 2], 16) for i in (0, 2, 4))


def hue(rng, palette, name):
    return rgb(rng.choice(PALETTES[palette][name].split()))


def palette_of(rng, *names):
    """The name of a palette that has all these colours."""
    return rng.choice([p for p, has in PALETTES.items()
                       if all(n in has for n in names)])


def apart(a, b):
    """Whether one colour stands out on the other: by a third of the way from
    black to white."""
    return sum((x - y) ** 2 for x, y in zip(a, b)) > (3 ** .5 * 255 / 3) ** 2


def luminance(rgb):
    r, g, b = (((v / 255 + .055) / 1.055) ** 2.4 for v in rgb)
    return .2126 * r + .7152 * g + .0722 * b


def legible(a, b):
    """Whether letters of one colour can be read on the other"""
    dark, light = sorted((luminance(a), luminance(b)))
    return (light + .05) / (dark + .05) > 2


def pair(rng, palette, front=None):
    """(name, RGB) of a thing and of a ground that it stands out on"""
    has = list(PALETTES[palette])
    while True:
        a, b = front or rng.choice(has), rng.choice(has)
        ca, cb = hue(rng, palette, a), hue(rng, palette, b)
        if a != b and apart(ca, cb) and {a, b} not in NEIGHBOURS:
            return (a, ca), (b, cb)


# What blur or a codec makes one of the other of.
NEIGHBOURS = [{"red", "orange"}, {"red", "brown"}, {"orange", "brown"},
              {"pink", "purple"}, {"white", "gray"}, {"black", "gray"},
              {"orange", "yellow"}, {"red", "pink"}]
