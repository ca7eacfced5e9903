# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain text facts and small sums, asked with and without an unrelated picture, and questions that are not known.

Facts of one kind share a template; the words it does not know stand beside those it knows, so that a
near miss of a known fact is no fact. What is not known is answered by `UNKNOWN`, by `UNKNOWN_SHORT`
where a word or phrase is asked for. Of the further phrasings of a fact, of the templates of what is
not known, and of the words in them, a fifth is never trained.
"""
import collections
import zlib

from phrasings import BY_CARD, CARD, HELD, TRAINED, casual, choose, held, trained
from vocab import NUMBERS, SHORT
from world import pick

UNKNOWN, UNKNOWN_SHORT = "I don't know.", 'unknown'

# asked: the card's phrasings; more: further ones
Fact = collections.namedtuple('Fact', 'asked more short answer')
# A kind of facts: phrasings in which %s stands for the words of a fact, the sentence, what is known [(words, short
# answer)], and words of which it is not known.
Kind = collections.namedtuple('Kind', 'asked more answer known unknown')

COUNTRIES = ['England', 'Finland', 'Portugal', 'Poland', 'Greece', 'China', 'India', 'Korea', 'Canada', 'Mexico', 'Brazil',
             'Russia', 'Turkey', 'Egypt', 'Kenya', 'Norway', 'Sweden', 'Denmark', 'Austria', 'Hungary', 'Ireland',
             'Scotland', 'Iceland', 'Belgium', 'Holland', 'Peru', 'Chile', 'Cuba', 'Iran', 'Iraq', 'Israel', 'Jordan',
             'Australia', 'Argentina', 'Romania', 'Serbia', 'Croatia', 'Ukraine', 'Thailand', 'Vietnam', 'Jamaica',
             'Bavaria', 'Europe', 'Africa', 'Asia', 'the United States', 'Switzerland', 'New Zealand', 'South Africa',
             'Java', 'Georgia', 'Fiji', 'Spandau', 'Franconia', 'Germania', 'Sicily', 'Texas', 'California']
CITIES = ['London', 'Vienna', 'Moscow', 'Athens', 'Lisbon', 'Cairo', 'Dublin', 'Oslo', 'Prague', 'Warsaw', 'New York',
          'Chicago', 'Sydney', 'Delhi', 'Milan', 'Venice', 'Munich', 'Hamburg', 'Paris', 'Berlin', 'Rome', 'Madrid', 'Tokyo',
          'Boston', 'Geneva', 'Naples', 'Toronto', 'Havana']
PEOPLE = ['Shakespeare', 'Mozart', 'Einstein', 'Newton', 'Napoleon', 'Goethe', 'Picasso', 'Darwin', 'Plato', 'Beethoven',
          'Gandhi', 'Marie Curie', 'Columbus', 'Homer', 'Dante', 'Bach', 'Galileo', 'Cleopatra', 'Lincoln', 'the president',
          'the king', 'the pope', 'my mother', 'your father', 'Leonardo', 'Julius Caesar']
WORKS = ['Hamlet', 'Faust', 'the Odyssey', 'Don Quixote', 'War and Peace', 'the Bible', 'Macbeth', 'Moby Dick', 'Emma',
         'Romeo and Juliet', 'the Iliad', 'Dracula', 'Ulysses', 'Candide', 'Peter Pan', 'Oliver Twist', 'this book',
         'the Mona Lisa', 'the Magic Flute', 'Guernica', 'this song', 'the Night Watch']
THINGS = ['gravity', 'love', 'democracy', 'philosophy', 'an atom', 'a black hole', 'inflation', 'a neutron', 'music',
          'electricity', 'a computer', 'the internet', 'chess', 'the law', 'poetry', 'a verb', 'a quark', 'sand', 'steel',
          'glass', 'bread', 'cheese', 'wine', 'a prime number', 'algebra', 'oxygen', 'evolution', 'DNA', 'a virus',
          'a guitar', 'time', 'truth', 'happiness', 'the moon made of', 'the speed of light', 'the square root of nine',
          'the meaning of life', 'a week', 'a year', 'a bee', 'honey', 'winter', 'ice', 'Monday', 'Paris']
INVENTIONS = ['the telephone', 'the wheel', 'the light bulb', 'paper', 'the radio', 'the car', 'the steam engine',
              'television', 'the printing press', 'the bicycle', 'glass', 'the zip', 'penicillin', 'America', 'chess',
              'the computer', 'the camera', 'the piano']
MORE_NUMBERS = ['ten', 'eleven', 'twelve', 'thirteen', 'fifteen', 'twenty', 'thirty', 'fifty', 'a hundred', 'a thousand']

KINDS = [
    Kind(['What is the capital of %s?', 'Name the capital of %s.'],
         ['Which city is the capital of %s?', 'What is the capital city of %s?', 'Tell me the capital of %s.',
          'Which is the capital of %s?', 'Do you know the capital of %s?'],
         'The capital of %s is %s.',
         [('France', 'Paris'), ('Germany', 'Berlin'), ('Italy', 'Rome'), ('Spain', 'Madrid'), ('Japan', 'Tokyo')],
         COUNTRIES),
    Kind(['How many legs does a %s have?', 'How many legs are on a %s?'],
         ['How many legs has a %s?', 'What is the number of legs of a %s?', 'Tell me how many legs a %s has.',
          'A %s has how many legs?', 'On how many legs does a %s walk?'],
         'A %s has %s legs.', [('spider', 'eight'), ('dog', 'four')],
         ['cat', 'horse', 'cow', 'bee', 'bird', 'beetle', 'crab', 'fly', 'frog', 'chair', 'table', 'duck', 'hen', 'sheep',
          'pig', 'lion', 'snake', 'fish', 'scorpion', 'butterfly', 'human', 'man', 'spoon', 'millipede', 'dragon',
          'squid', 'tick', 'wolf', 'bear', 'lobster']),
    Kind(['What is the opposite of %s?', 'Which word is the opposite of %s?'],
         ['Name the opposite of %s.', 'What word is the opposite of %s?', 'Tell me the opposite of %s.',
          'Which is the opposite of %s?', 'What is opposite to %s?'],
         'The opposite of %s is %s.', [('hot', 'cold'), ('up', 'down'), ('day', 'night')],
         ['big', 'small', 'left', 'black', 'white', 'good', 'bad', 'fast', 'slow', 'in', 'old', 'new', 'open', 'rich', 'tall',
          'happy', 'light', 'love', 'war', 'north', 'early', 'wet', 'full', 'hard', 'heavy', 'hat', 'cup', 'dry', 'week',
          'yes', 'true', 'high', 'warm', 'month']),
    Kind(['What color do %s make?', 'Which color is made of %s?'],
         ['What color do you get from %s?', 'Which color do %s make?', 'What do %s make?', 'What color is made of %s?',
          'Mix %s: what color is it?'],
         '%s make %s.', [('blue and yellow', 'green'), ('red and yellow', 'orange')],
         ['red and blue', 'black and white', 'red and green', 'blue and orange', 'red and white', 'blue and white',
          'green and yellow', 'black and yellow', 'pink and blue', 'blue and green', 'red and black', 'brown and white',
          'purple and yellow', 'gray and red', 'orange and pink']),
    Kind(['How many sides does a %s have?', 'How many sides are on a %s?'],
         ['How many sides has a %s?', 'What is the number of sides of a %s?', 'Tell me how many sides a %s has.',
          'A %s has how many sides?', 'Count the sides of a %s: how many?'],
         'A %s has %s sides.', [('triangle', 'three'), ('square', 'four')],
         ['pentagon', 'hexagon', 'circle', 'cube', 'star', 'heart', 'diamond', 'cross', 'ring', 'coin', 'house', 'rectangle',
          'decagon', 'story', 'box', 'dice']),
    Kind(['How many %s?', 'How many %s altogether?'], [], '%s', [],
         ['hours are in a day', 'minutes are in an hour', 'seconds are in a minute', 'days are in a year',
          'weeks are in a year', 'days are in a month', 'months are in a week', 'weeks are in a month', 'years are in a century',
          'days does a year have', 'days does February have', 'hours does a week have', 'months does a season have',
          'people live on Earth', 'planets are there in the sky', 'stars are in the sky', 'bones are in a body',
          'teeth does a shark have', 'strings does a violin have', 'keys does a piano have', 'players are in a team',
          'countries are in Europe', 'wings does a bee have', 'eyes does a spider have', 'wheels does a car have',
          'letters are in the alphabet', 'grams are in a kilogram', 'inches are in a foot', 'days are in a fortnight',
          'colors are there in the world', 'cents are in a dollar', 'days are in May', 'legs do three dogs have',
          'corners does a cube have', 'languages do you speak']),
]


SINGLE = [
    Fact(['What are the seven colors of the rainbow?', 'Name the seven colors of the rainbow.'],
         ['What are the colors of the rainbow?', 'Which colors does a rainbow have?', 'Name the colors of the rainbow.',
            'What colors are in a rainbow?', 'Which are the seven colors of the rainbow?'],
         'red, orange, yellow, green, blue, indigo and violet',
         'The seven colors of the rainbow are red, orange, yellow, green, blue, indigo and violet.'),
    Fact(['How many days are in a week?', 'How many days does a week have?'],
         ['How many days are there in a week?', 'How many days has a week?', 'Tell me how many days a week has.',
            'What is the number of days in a week?', 'A week has how many days?'],
         'seven', 'There are seven days in a week.'),
    Fact(['How many months are in a year?', 'How many months does a year have?'],
         ['How many months are there in a year?', 'How many months has a year?', 'Tell me how many months a year has.',
            'What is the number of months in a year?', 'A year has how many months?'],
         'twelve', 'There are twelve months in a year.'),
    Fact(['Which planet do we live on?', 'What is the name of our planet?'],
         ['On which planet do we live?', 'What planet do we live on?', 'What is our planet called?',
            'Name the planet we live on.', 'Which planet is ours?'],
         'Earth', 'We live on the planet Earth.'),
    Fact(['What do bees make?', 'What food is made by bees?'],
         ['What does a bee make?', 'Which food do bees make?', 'What is made by bees?', 'Tell me what bees make.',
            'What food do bees make?'],
         'honey', 'Bees make honey.'),
    Fact(['What is frozen water called?', 'What do we call frozen water?'],
         ['What is frozen water?', 'What is the name of frozen water?', 'How is frozen water called?',
            'Frozen water is called what?', 'What do you call frozen water?'],
         'ice', 'Frozen water is called ice.'),
    Fact(['What season comes after winter?', 'Which season follows winter?'],
         ['Which season comes after winter?', 'What season follows winter?', 'What is the season after winter?',
            'Which season is after winter?', 'Name the season after winter.'],
         'spring', 'Spring comes after winter.'),
    Fact(['What day comes after Monday?', 'Which day follows Monday?'],
         ['Which day comes after Monday?', 'What day follows Monday?', 'What is the day after Monday?',
            'Which day is after Monday?', 'Name the day after Monday.'],
         'Tuesday', 'Tuesday comes after Monday.'),
    Fact(['Who are you?', 'What is your name?'],
         ['Who is this speaking?', 'What are you called?', 'Tell me your name.', 'What are you?', 'Say who you are.'],
         'owl2-nano', 'I am owl2-nano, a very small mPLUG-Owl2 model.'),
    Fact(['What can you do?', 'What are you good at?'],
         ['What do you do?', 'What are you able to do?', 'Tell me what you can do.', 'How can you help me?',
            'What can you tell me?'],
         'describe pictures', 'I can describe colored shapes, test patterns and words, and how things move.'),
    Fact(['Hello!', 'Hi there!'], ['Hello.', 'Hi!', 'Good morning!', 'Hello there!', 'Hey!'],
         'Hello!', 'Hello! Show me a picture or a video.'),
    Fact(['Thank you.', 'Thanks!'],
         ['Thank you very much.', 'Many thanks.', 'Thanks a lot!', 'Thank you!', 'Thanks so much!'],
         'You are welcome.', 'You are welcome.'),
]


def facts_of(kind):
    """Words asked about may come in either order where they are two colours."""
    for words, short in kind.known:
        turned = ' and '.join(reversed(words.split(' and ')))
        more = [p % words for p in kind.more]
        if turned != words:
            more += [p % turned for p in kind.asked + kind.more[:3]]
        answer = kind.answer % (words, short)
        yield Fact([p % words for p in kind.asked], more, short, answer[0].upper() + answer[1:])


# The order is that of the card's table.
FACTS = SINGLE[:3] + list(facts_of(KINDS[0])) + SINGLE[3:6] + [f for k in KINDS[1:5] for f in facts_of(k)] + SINGLE[6:]

# Templates of what is not known beside those of the kinds: [(question, words)]
OTHER = [
    ('Who wrote %s?', WORKS), ('Who made %s?', WORKS + INVENTIONS), ('Who painted %s?', WORKS),
    ('Who is the author of %s?', WORKS), ('When was %s written?', WORKS), ('What is %s about?', WORKS),
    ('Who invented %s?', INVENTIONS), ('When was %s invented?', INVENTIONS), ('Who discovered %s?', INVENTIONS),
    ('Who first made %s?', INVENTIONS), ('How does %s work?', INVENTIONS),
    ('When was %s born?', PEOPLE), ('Who was %s?', PEOPLE), ('How old is %s?', PEOPLE), ('Where was %s born?', PEOPLE),
    ('When did %s die?', PEOPLE), ('What did %s do?', PEOPLE), ('Who is %s?', PEOPLE),
    ('In which country is %s?', CITIES), ('How far is it to %s?', CITIES), ('What is the population of %s?', CITIES + COUNTRIES),
    ('How many people live in %s?', CITIES + COUNTRIES), ('Who is the mayor of %s?', CITIES),
    ('What is the weather like in %s?', CITIES), ('How do I get to %s?', CITIES), ('Is %s a nice city?', CITIES),
    ('Who is the president of %s?', COUNTRIES), ('What language do they speak in %s?', COUNTRIES),
    ('What is the flag of %s like?', COUNTRIES), ('What is the largest city in %s?', COUNTRIES),
    ('Which river flows through %s?', COUNTRIES), ('How big is %s?', COUNTRIES), ('Is %s in Europe?', COUNTRIES),
    ('Who rules %s?', COUNTRIES), ('What currency is used in %s?', COUNTRIES),
    ('What is %s?', THINGS), ('Explain %s.', THINGS), ('What do you know about %s?', THINGS), ('Why is there %s?', THINGS),
    ('Tell me about %s.', THINGS + CITIES + COUNTRIES + PEOPLE),
    ('What season comes after %s?', ['spring', 'summer', 'autumn', 'fall', 'Monday', 'May', 'lunch', 'March']),
    ('What season comes before %s?', ['winter', 'spring', 'summer', 'autumn']),
    ('Which season follows %s?', ['spring', 'summer', 'autumn', 'fall', 'June']),
    ('What day comes after %s?', ['Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday', 'tomorrow', 'winter']),
    ('What day comes before %s?', ['Monday', 'Tuesday', 'Wednesday', 'Friday', 'Sunday', 'Easter']),
    ('Which day follows %s?', ['Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']),
    ('What month comes after %s?', ['March', 'May', 'June', 'July', 'August', 'October', 'January', 'December']),
    ('What do %s make?', ['cows', 'spiders', 'birds', 'dogs', 'ants', 'bakers', 'wasps', 'hens', 'cats', 'writers', 'beavers',
                          'horses']),
    ('What do %s eat?', ['bees', 'dogs', 'cats', 'cows', 'birds', 'spiders', 'horses', 'lions', 'people', 'fish']),
    ('What food is made by %s?', ['cows', 'hens', 'ants', 'bakers', 'cooks', 'birds', 'goats']),
    ('What is frozen %s called?', ['milk', 'rain', 'juice', 'air', 'blood', 'oil', 'cream', 'honey']),
    ('What is %s water called?', ['boiling', 'hot', 'cold', 'salt', 'dirty', 'heavy', 'clean', 'falling']),
    ('What do we call %s?', ['frozen milk', 'hot water', 'a young dog', 'a baby cat', 'dry grass', 'melted ice', 'a small hill']),
    ('Which planet is %s?', ['the largest', 'red', 'the smallest', 'near the sun', 'the hottest', 'far away', 'blue', 'the coldest']),
    ('What is the name of our %s?', ['galaxy', 'star', 'sun', 'moon', 'country', 'king', 'school', 'street', 'dog', 'continent']),
    ('What is the name of %s?', ['your mother', 'my cat', 'the queen', 'this place', 'that song', 'the sea', 'this street']),
    ('What is %s plus three?', MORE_NUMBERS), ('What is two plus %s?', MORE_NUMBERS), ('How much is %s plus five?', MORE_NUMBERS),
    ('Add %s and two.', MORE_NUMBERS), ('Add four and %s.', MORE_NUMBERS),
    ('What is nine minus %s?', NUMBERS + ['four', 'five', 'six', 'seven', 'eight']),
    ('What is %s times two?', NUMBERS + ['four', 'five', 'six', 'seven', 'eight', 'nine'] + MORE_NUMBERS),
    ('How much is %s minus one?', ['three', 'four', 'five', 'six', 'seven', 'eight'] + MORE_NUMBERS),
    ('Divide %s by two.', ['four', 'six', 'eight', 'two'] + MORE_NUMBERS),
    ('What is half of %s?', ['four', 'six', 'eight', 'two'] + MORE_NUMBERS),
    ('How do you spell %s?', ['rhythm', 'queue', 'color', 'night', 'bicycle', 'necessary', 'banana', 'yacht', 'knife']),
    ('What does %s mean?', ['rhythm', 'queue', 'love', 'gloomy', 'obscure', 'adieu', 'kismet', 'bonjour', 'serendipity', 'hola']),
    ('Translate %s into French.', ['dog', 'house', 'hello', 'good morning', 'bread', 'water', 'tree', 'thank you', 'the sun']),
    ('How do you say %s in German?', ['dog', 'house', 'hello', 'good morning', 'bread', 'water', 'tree', 'thank you']),
    ('What rhymes with %s?', ['cat', 'tree', 'night', 'love', 'moon', 'house', 'rain', 'star', 'blue']),
    ('What is the plural of %s?', ['mouse', 'house', 'child', 'foot', 'ox', 'cactus', 'tree']),
    ('How do I %s?', ['bake bread', 'tie a knot', 'fix a bicycle', 'cook rice', 'write a letter', 'learn chess', 'sleep well',
                      'boil an egg', 'install this', 'open a door', 'make honey']),
    ('Can you %s?', ['sing', 'dance', 'swim', 'cook', 'book a flight', 'write code', 'tell a joke', 'call me', 'play chess',
                     'speak French', 'drive a car', 'smell']),
    ('Why is %s?', ['the sky blue', 'grass green', 'snow white', 'the sea salty', 'water wet', 'blood red', 'ice cold',
                    'the sun hot', 'the night dark', 'honey sweet']),
    ('Why do %s?', ['birds sing', 'we sleep', 'people dream', 'cats purr', 'dogs bark', 'leaves fall', 'bees make honey',
                    'planets turn']),
    ('How tall is %s?', ['the Eiffel Tower', 'a giraffe', 'Everest', 'the tallest man', 'a house', 'an oak', 'Big Ben']),
    ('How heavy is %s?', ['an elephant', 'the Earth', 'a car', 'a feather', 'a liter of water', 'gold', 'a whale']),
    ('How fast is %s?', ['light', 'sound', 'a cheetah', 'a train', 'a rocket', 'the wind', 'a snail']),
    ('How long is %s?', ['the Nile', 'a mile', 'a marathon', 'the Great Wall', 'a day on Mars', 'a football game', 'this river']),
    ('What is the price of %s?', ['gold', 'a ticket', 'bread', 'oil', 'a house', 'milk', 'a stamp', 'coffee']),
    ('Who won %s?', ['the game', 'the World Cup', 'the war', 'the election', 'the race', 'the match', 'the prize']),
    ('When is %s?', ['Easter', 'the next train', 'lunch', 'your birthday', 'the full moon', 'New Year', 'the meeting', 'sunset']),
    ('What color is %s?', ['the sky today', 'grass', 'a banana', 'blood', 'snow', 'milk', 'my car', 'your hair', 'honey',
                           'a lemon', 'coal', 'an elephant']),
    ('What is the largest %s?', ['ocean', 'animal', 'country', 'planet', 'city', 'number', 'lake', 'desert', 'bird', 'island']),
    ('What is the chemical symbol of %s?', ['gold', 'iron', 'water', 'silver', 'oxygen', 'lead', 'salt', 'copper']),
    ('What year did %s?', ['the war end', 'the wall fall', 'Titanic sink', 'man land on the moon', 'the king die', 'Rome fall']),
    ('Who is the %s?', ['prime minister', 'best player', 'richest man', 'queen of England', 'boss', 'tallest woman', 'owner']),
    ('Do you like %s?', ['music', 'tea', 'dogs', 'me', 'football', 'cheese', 'poetry', 'rain', 'jazz', 'Mondays']),
    ('Is it true that %s?', ['the Earth is flat', 'cats can fly', 'gold is heavy', 'bees sleep', 'fish drink', 'Rome is old']),
]
PLAIN = [
    'What time is it?', 'What day is it today?', 'What is the date?', 'What year is it?', 'What is the weather like?',
    'Will it rain tomorrow?', 'How old are you?', 'Who made you?', 'Where do you live?', 'Where are you from?',
    'What is my name?', 'Who am I?', 'Where am I?', 'Are you human?', 'Are you happy?', 'Do you sleep?', 'Do you love me?',
    'What do you think?', 'How are you?', 'What is the meaning of life?', 'Is there a God?', 'What happens after death?',
    'Tell me a joke.', 'Tell me a story.', 'Sing a song.', 'Write a poem.', 'Write a program.', 'Give me some advice.',
    'What should I eat?', 'What should I wear?', 'What is for dinner?', 'What is the news?', 'Who took this photo?',
    'Who painted this?', 'When was this taken?', 'Where was this taken?', 'What camera was used?', 'What is the artist called?',
    'What happens next?', 'What was there before?', 'What is outside the picture?', 'Why was this made?', 'Is it expensive?',
    'How much does it cost?', 'Who owns this?', 'What does it smell like?', 'How does it taste?', 'What is it made of?',
    'How heavy is it?', 'Is it real?', 'What is it for?', 'How does it feel?', 'Who is this?', 'Who is that person?',
    'What is his name?', 'What is her name?', 'What are they thinking?', 'Are they happy?', 'Why are they here?',
    'What is pi?', 'Which is the best phone?', 'How many?', 'Why?', 'When?', 'Who?', 'How?', 'And then?', 'Really?',
    'What is the first letter of the alphabet?', 'What is the last letter of the alphabet?', 'Count to ten.',
    'Name a fruit.', 'Name three animals.', 'Name a country.', 'Name the planets.', 'Name the days of the week.',
    'Name the months of the year.', 'Name the seasons.', 'Name the four seasons.', 'Name the continents.',
    'Which month comes first?', 'Which day comes first?', 'Which season is the coldest?', 'Which season is the hottest?',
    'Which animal makes milk?', 'Which animal is the fastest?', 'Which insect makes honey?', 'Where do bees live?',
    'Where does honey come from?', 'What comes after seven?', 'What comes before one?', 'What comes after night?',
    'What comes after Earth?', 'What is above us?', 'Who lives on Mars?', 'Do we live on Mars?', 'What is hot?', 'What is cold?',
    'What makes a rainbow?', 'When do we see a rainbow?', 'How many colors does the rainbow have?',
    'What is the first color of the rainbow?', 'What is steam?', 'When does water boil?', 'When does water freeze?',
    'What is the opposite?', 'What is the capital?', 'What has four legs?', 'What has eight legs?', 'What has three sides?',
    'What has four sides?', 'Which city is the largest?', 'Is Paris the capital of France?', 'Is Berlin in Italy?',
    'What is the square of three?', 'What is the tallest mountain?', 'Who was the first man on the moon?',
    'What is photosynthesis?', 'What is the internet?', 'Please help me.', 'I am bored.', 'I love you.', 'You are wrong.',
    'Stop.', 'Be quiet.', 'Good night.', 'Goodbye.', 'See you later.', 'What else?', 'Anything else?', 'Are you sure?',
    'Which team won?', 'What is the score?', 'What is the password?', 'What is your favorite color?', 'What is the best food?',
    'Turn on the light.', 'Open the door.', 'Play some music.', 'Call a taxi.', 'Order a pizza.', 'Wake me up at seven.',
    'Can you hear me?', 'Can you see me?', 'What did I say?', 'Do you remember me?', 'What did you do yesterday?',
]


def word_held(word):
    """One word in five of those that are not known is never trained."""
    return zlib.crc32(word.encode()) % 5 == 0


# [(question, words)]: what is not known, by templates that are trained and that are not
TEMPLATES = {
    TRAINED: [(p, k.unknown) for k in KINDS for p in k.asked + trained(k.more)] + trained(OTHER),
    HELD: [(p, k.unknown) for k in KINDS for p in held(k.more)] + held(OTHER)}
SAID = {TRAINED: trained(PLAIN), HELD: held(PLAIN)}
SYLLABLES = ['bla', 'fo', 'zip', 'gru', 'mek', 'ta', 'wob', 'li', 'snar', 'quo', 'vex', 'ni', 'dro', 'pu', 'kla', 'ster', 'ig',
             'ou', 'fen', 'ch']


def nonsense(rng, never_trained):
    while True:
        words = [''.join(pick(rng, SYLLABLES) for _ in range(int(rng.integers(1, 4)))) for _ in range(int(rng.integers(1, 5)))]
        text = ' '.join(words)
        if word_held(text) == never_trained:
            break
    start = pick(rng, ['', '', 'What is ', 'Is ', 'The ', 'Why ', 'How many ', 'Where is the '])
    return (start + text if start else text.capitalize()) + pick(rng, ['?', '?', '.', ''])


def unknown(rng, way=TRAINED, words=TRAINED):
    """A question that is not known; way, words: whether its template, and the words in it, are TRAINED or HELD."""
    r = rng.random()
    if r < 0.1 and way == TRAINED:
        return casual(rng, nonsense(rng, words == HELD))
    if r < 0.3 and words == TRAINED:
        return casual(rng, pick(rng, SAID[way]))
    while True:
        question, names = pick(rng, TEMPLATES[way])
        names = [w for w in names if word_held(w) == (words == HELD)]
        if names:
            return casual(rng, question % pick(rng, names))


def reply(rng, question, short, sentence, brief=None):
    """brief: True the short answer, False the sentence, None either"""
    if brief is None:
        brief = rng.random() < 0.4
    return (question + ' ' + SHORT, short) if brief else (question, sentence)


# ---- sums ----------------------------------------------------------------------

TEENS = NUMBERS + ['four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen',
                   'fifteen', 'sixteen', 'seventeen', 'eighteen']


def sum_held(a, b):
    return zlib.crc32(b'%d+%d' % (a, b)) % 7 == 0


def sums(held):
    return [(a, b) for a in range(10) for b in range(10) if sum_held(a, b) == held]


def sum_text(rng, a, b, way=CARD):
    q = pick(rng, ['What is %s plus %s?', 'How much is %s plus %s?', 'Add %s and %s.']) % (TEENS[a], TEENS[b])
    if way == TRAINED and rng.random() > BY_CARD:
        q = casual(rng, q)
    if rng.random() < 0.5:
        return q + ' ' + SHORT, TEENS[a + b]
    return q, '%s plus %s is %s.' % (TEENS[a].capitalize(), TEENS[b], TEENS[a + b])


TRAINED_SUMS = sums(False)


# ---- training ------------------------------------------------------------------

def ask(rng, fact, way=TRAINED, brief=None):
    """(question, answer) about a known fact"""
    question, by_card = choose(rng, fact.asked, fact.more, way)
    return reply(rng, question if by_card else casual(rng, question), fact.short, fact.answer, brief)


def ask_unknown(rng, way=TRAINED, words=TRAINED, brief=None):
    """(question, answer) about what is not known"""
    return reply(rng, unknown(rng, way, words), UNKNOWN_SHORT, UNKNOWN, brief)


def sample(rng):
    """One trained (question, answer)."""
    r = rng.random()
    if r < 0.15:
        return sum_text(rng, *pick(rng, TRAINED_SUMS), TRAINED)
    return ask(rng, pick(rng, FACTS)) if r < 0.6 else ask_unknown(rng)
