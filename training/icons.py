# SPDX-License-Identifier: LGPL-2.1-or-later
"""The everyday things that have a name, and the icons that show each."""
import os

# Where setup.sh puts the sets of icons.
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'node_modules', '@iconify-json')

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


def installed():
    return os.path.isdir(FOLDER)
