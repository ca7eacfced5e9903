# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everyday things by name: their pictures in several styles, and scenes of them.

The pictures are the icon sets of the npm packages @iconify-json/*, which setup.sh installs into
node_modules beside this file. One whole set, and one picture in five of the others, is never
trained; README.md lists the sets and their licences.
"""
import functools
import json
import os
import re
import zlib

import cairo
import gi
import numpy as np

gi.require_version('Rsvg', '2.0')
from gi.repository import Rsvg  # noqa: E402

import styles  # noqa: E402
import world  # noqa: E402
from world import pick  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'node_modules', '@iconify-json')
SETS = ['noto', 'noto-v1', 'twemoji', 'fluent-emoji', 'fluent-emoji-flat', 'emojione', 'fxemoji', 'streamline-emojis']
HELD_SET = 'openmoji'
# name: the icons that show it, without hyphens; those of their number ("glasses2") come with them.
ICONS = {line.split(':')[0].strip(): line.split(':')[1].split() for line in '''
dog: dogface dog dogside poodle guidedog
cat: catface cat catside blackcat
mouse: mouseface mouse mouseside rat
rabbit: rabbitface rabbit bunny bunnyside
fox: fox foxface
bear: bear bearface
panda: panda pandaface
tiger: tigerface tiger
lion: lion lionface
cow: cowface cow
pig: pigface pig pigside
frog: frog frogface
monkey: monkeyface monkey
chicken: chicken
rooster: rooster
penguin: penguin
duck: duck
eagle: eagle
owl: owl
bat: bat
wolf: wolf wolfface
horse: horseface horse
unicorn: unicorn unicornface
bee: honeybee
butterfly: butterfly
snail: snail
ladybug: ladybeetle
ant: ant
spider: spider
turtle: turtle
snake: snake
octopus: octopus
crab: crab
fish: fish tropicalfish blowfish
dolphin: dolphin
whale: whale spoutingwhale
shark: shark
crocodile: crocodile
elephant: elephant
camel: camel twohumpcamel bactriancamel dromedarycamel
sheep: ewe sheep
goat: goat
apple: redapple greenapple apple
pear: pear
orange: tangerine
lemon: lemon
banana: banana
watermelon: watermelon
bunch of grapes: grapes
strawberry: strawberry
pair of cherries: cherries
peach: peach
pineapple: pineapple
tomato: tomato
eggplant: eggplant aubergine
avocado: avocado
chili pepper: hotpepper chilipepper
corn cob: earofcorn earofmaize
carrot: carrot
mushroom: mushroom brownmushroom
croissant: croissant
loaf of bread: bread
piece of cheese: cheesewedge
burger: hamburger
pizza: pizza
hot dog: hotdog
taco: taco
cookie: cookie
doughnut: doughnut
cake: birthdaycake shortcake
candy: candy
lollipop: lollipop
ice cream: icecream softicecream
cup of coffee: hotbeverage
glass of beer: beermug
glass of wine: wineglass
car: automobile oncomingautomobile sportutilityvehicle
taxi: taxi oncomingtaxi
bus: bus oncomingbus trolleybus
police car: policecar oncomingpolicecar
ambulance: ambulance
fire truck: fireengine
truck: deliverytruck articulatedlorry
tractor: tractor
bicycle: bicycle
motorcycle: motorcycle
scooter: motorscooter
train: locomotive train oncomingtrain metro
airplane: airplane smallairplane
helicopter: helicopter
rocket: rocket
sailboat: sailboat
ship: ship passengership
anchor: anchor
house: house housewithgarden housebuilding housewithgarden
castle: castle europeancastle
church: church
tent: tent camping
factory: factory
hospital: hospital
sun: sun blacksunwithrays sunwithface
cloud: cloud
rainbow: rainbow
umbrella: umbrellawithraindrops umbrella
snowflake: snowflake
snowman: snowman snowmanwithoutsnow
crescent moon: crescentmoon
fire: fire
lightning bolt: highvoltage
drop of water: droplet
tornado: tornado
rose: rose
tulip: tulip
sunflower: sunflower
cactus: cactus
palm tree: palmtree
tree: deciduoustree evergreentree evergreen
clover: fourleafclover
maple leaf: mapleleaf
hammer: hammer
wrench: wrench
pair of scissors: scissors blackscissors
key: key oldkey
padlock: locked lock
light bulb: lightbulb electriclightbulb
candle: candle
bomb: bomb
gear: gear
pencil: pencil lowerleftpencil
paintbrush: paintbrush lowerleftpaintbrush
paper clip: paperclip
envelope: envelope
guitar: guitar
trumpet: trumpet
violin: violin
saxophone: saxophone
microphone: microphone studiomicrophone
pair of headphones: headphone
bell: bell
alarm clock: alarmclock
watch: watch
hourglass: hourglass hourglassdone hourglassnotdone hourglassflowingsand
camera: camera camerawithflash
television: television
telephone: telephone blacktelephone
mobile phone: mobilephone cellphone
computer: laptop laptopcomputer desktopcomputer personalcomputer oldpersonalcomputer
soccer ball: soccerball
basketball: basketball
baseball: baseball
football: americanfootball
trophy: trophy
crown: crown
gem: gemstone gem
balloon: balloon
gift: wrappedgift
teddy bear: teddybear
T-shirt: tshirt mansshirt
pair of jeans: jeans
dress: dress
pair of glasses: glasses
pair of sunglasses: sunglasses darksunglasses
hat: tophat womanshat
shoe: runningshoe mansshoe
necktie: necktie
handbag: handbag
backpack: backpack schoolbackpack
bathtub: bathtub
toilet: toilet
door: door
bed: bed
smiling face: smilingfacewithsmilingeyes grinningface slightlysmilingface grinningfacewithsmilingeyes grin smilingface
crying face: loudlycryingface cryingface loudlycrying crying
angry face: poutingface angryface angry
skull: skull
ghost: ghost
robot: robot robotface
eye: eye
ear: ear
nose: nose
mouth: mouth
globe: globeshowingeuropeafrica globeshowingamericas globeshowingasiaaustralia europeafricaglobe americasglobe asiaaustraliaglobe
bag of money: moneybag
pumpkin: jackolantern
Christmas tree: christmastree
volcano: volcano
mountain: mountain snowcappedmountain mountfuji
'''.strip().splitlines()}
NAMES = list(ICONS)
PIXELS = 160


def plain(icon):
    """The name of an icon without hyphens and the number of its variant."""
    return re.sub(r'-\d+$', '', icon).replace('-', '')


@functools.lru_cache(None)
def icon_set(name):
    """(icon -> SVG, icon -> name without hyphens) of a set."""
    with open(os.path.join(FOLDER, name, 'icons.json')) as f:
        data = json.load(f)
    out = {}
    for key, icon in data['icons'].items():
        w, h = (icon.get(k, data.get(k, 16)) for k in ('width', 'height'))
        out[key] = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ' \
            'viewBox="%s %s %s %s" width="%s" height="%s">%s</svg>' % (icon.get('left', 0), icon.get('top', 0), w, h, w, h,
                                                                      icon['body'])
    return out


def installed():
    return os.path.exists(os.path.join(FOLDER, HELD_SET, 'icons.json'))


def picture_held(style, icon):
    """One picture in five is never trained."""
    return zlib.crc32(('%s:%s' % (style, icon)).encode()) % 5 == 0


@functools.lru_cache(None)
def pictures(which):
    """name -> [(set, icon)]; which: 'train', 'held' (other pictures of the same sets) or 'style' (the set held out)"""
    known = {i: name for name, icons in ICONS.items() for i in icons}
    out = {name: [] for name in NAMES}
    for style in ([HELD_SET] if which == 'style' else SETS):
        for icon in sorted(icon_set(style)):
            name = known.get(plain(icon))
            if name and (which == 'style' or picture_held(style, icon) == (which == 'held')):
                out[name].append((style, icon))
    return {name: found for name, found in out.items() if found}


@functools.lru_cache(6000)
def drawn(style, icon, pixels=PIXELS):
    """[pixels, pixels, 4]: blue, green, red and what covers the ground, multiplied with it, cut to what there is"""
    return trimmed(svg(icon_set(style)[icon], pixels))


def svg(text, pixels):
    """An SVG drawn into a square by librsvg."""
    surface = cairo.ImageSurface(cairo.FORMAT_ARGB32, pixels, pixels)
    box = Rsvg.Rectangle()
    box.x = box.y = 0
    box.width = box.height = pixels
    handle = Rsvg.Handle.new_from_data(text if isinstance(text, bytes) else text.encode())
    handle.render_document(cairo.Context(surface), box)
    surface.flush()
    return np.ndarray((pixels, pixels, 4), np.uint8, surface.get_data()).copy()


def trimmed(a):
    ys, xs = np.nonzero(a[..., 3] > 8)
    return a[ys.min():ys.max() + 1, xs.min():xs.max() + 1] if len(ys) else a


def lightness(a):
    """The mean colour of what a picture covers, and of its rim, which lies beside the ground."""
    alpha = a[..., 3:].astype(float)
    rgb = a[..., 2::-1].astype(float)
    return [int(v) for v in rgb.sum((0, 1)) / max(alpha.sum(), 1) * 255]
