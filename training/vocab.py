# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that the small world contains, by name."""
import zlib

COLOURS = {
    'red': [(220, 30, 30), (255, 0, 0), (200, 20, 40)],
    'green': [(30, 160, 50), (0, 255, 0), (0, 128, 0)],
    'blue': [(35, 60, 220), (0, 0, 255), (30, 80, 200)],
    'yellow': [(245, 225, 40), (255, 255, 0), (240, 210, 20)],
    'orange': [(250, 135, 20), (255, 140, 0), (255, 125, 0)],
    'purple': [(130, 40, 170), (128, 0, 128), (110, 30, 160)],
    'pink': [(250, 130, 190), (255, 150, 200), (255, 105, 180)],
    'brown': [(125, 75, 35), (139, 69, 19), (110, 65, 30)],
    'white': [(250, 250, 250), (255, 255, 255), (240, 240, 240)],
    'black': [(12, 12, 12), (0, 0, 0), (25, 25, 25)],
    'gray': [(128, 128, 128), (120, 120, 120), (140, 140, 140)],
    'cyan': [(40, 215, 225), (0, 255, 255), (0, 220, 220)],
}
COLOUR_NAMES = list(COLOURS)
SHAPES = ['circle', 'square', 'triangle', 'diamond', 'star', 'cross', 'ring', 'heart']
SIZES = ['small', 'large']
MOTIONS = ['still', 'left', 'right', 'up', 'down', 'grow', 'shrink']
NUMBERS = ['zero', 'one', 'two', 'three']
PLACES = ['top left', 'top', 'top right', 'left', 'center', 'right',
          'bottom left', 'bottom', 'bottom right']
ROWS = ['top', 'middle', 'bottom']
COLUMNS = ['left', 'middle', 'right']

# Never shown, and never spoken of, in training.
HELD_PAIRS = {('red', 'star'), ('green', 'heart'), ('blue', 'triangle'), ('yellow', 'square'),
              ('orange', 'ring'), ('purple', 'circle'), ('pink', 'cross'), ('brown', 'diamond'),
              ('cyan', 'star'), ('gray', 'triangle')}

# Colours that are told apart only badly when one lies on the other.
CLOSE = [{'red', 'orange'}, {'red', 'brown'}, {'orange', 'brown'}, {'orange', 'yellow'},
         {'purple', 'blue'}, {'brown', 'black'}, {'brown', 'gray'}, {'purple', 'brown'},
         {'yellow', 'white'}, {'cyan', 'white'}, {'pink', 'white'}, {'brown', 'green'},
         {'purple', 'black'}, {'gray', 'green'}, {'gray', 'purple'}, {'cyan', 'green'}, {'blue', 'black'}]

WORDS = ['HELLO', 'STOP', 'GO', 'EXIT', 'OPEN', 'CLOSED', 'START', 'END', 'YES', 'NO', 'ON', 'OFF',
         'UP', 'DOWN', 'LEFT', 'RIGHT', 'RED', 'BLUE', 'GREEN', 'HOT', 'COLD', 'DAY', 'NIGHT', 'SUN',
         'MOON', 'STAR', 'TREE', 'HOUSE', 'CAR', 'BUS', 'TRAIN', 'DOG', 'CAT', 'BIRD', 'FISH', 'OWL',
         'MILK', 'BREAD', 'TEA', 'WATER', 'FIRE', 'SNOW', 'RAIN', 'WIND', 'LIVE', 'NEWS', 'PLAY', 'PAUSE',
         'TEST', 'VIDEO', 'MUSIC', 'SALE', 'FREE', 'TAXI', 'HOTEL', 'BANK', 'PARK', 'LOVE', 'PEACE', 'WORLD']
LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
MAX_WORD = 7
FONTS = ['DejaVu Sans', 'Liberation Sans', 'Liberation Serif', 'Liberation Mono', 'FreeSans']

# videotestsrc pattern -> the name it is given; None: it is a plain screen.
PATTERNS = {
    'smpte': 'SMPTE color bars', 'smpte75': 'SMPTE color bars', 'smpte100': 'SMPTE color bars',
    'smpte-rp-219': 'HD color bars', 'snow': 'snow', 'checkers-1': 'a checkerboard',
    'checkers-2': 'a checkerboard', 'checkers-4': 'a checkerboard', 'checkers-8': 'a checkerboard',
    'circular': 'circles', 'gamut': 'a gamut test', 'ball': 'a ball', 'bar': 'a bar',
    'pinwheel': 'a pinwheel', 'spokes': 'spokes', 'gradient': 'a gradient', 'colors': 'a color table',
    'blink': 'a blinking screen',
    'black': None, 'white': None, 'red': None, 'green': None, 'blue': None, 'solid-color': None,
    'zone-plate': None, 'chroma-zone-plate': None,
}
ZONE_PLATE = 'a zone plate'  # zone-plate and chroma-zone-plate once their kx2 and ky2 are set
PATTERN_NAMES = sorted(set(filter(None, PATTERNS.values())) | {ZONE_PLATE})

SHORT = 'Answer the question using a single word or phrase.'
CAPTION_IMAGE = 'Provide a one-sentence caption for the provided image.'
CAPTION_CLIP = 'Provide a one-sentence caption for the provided video.'


def word_held(word):
    """One word in ten is never trained; words of the known list always are."""
    return word not in WORDS and zlib.crc32(word.encode()) % 10 == 0


def article(noun):
    vowel = noun[0] in 'aeiou' and not noun.startswith('uni') or noun.startswith('hour')
    return ('an ' if vowel else 'a ') + noun
