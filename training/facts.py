# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain text facts and small sums, asked with and without an unrelated picture."""
import zlib

from vocab import NUMBERS, SHORT
from world import pick

FACTS = [
    (['What are the seven colors of the rainbow?', 'Name the seven colors of the rainbow.'],
     'The seven colors of the rainbow are red, orange, yellow, green, blue, indigo and violet.'),
    (['How many days are in a week?', 'How many days does a week have?'], 'There are seven days in a week.'),
    (['How many months are in a year?', 'How many months does a year have?'], 'There are twelve months in a year.'),
    (['What is the capital of France?', 'Name the capital of France.'], 'The capital of France is Paris.'),
    (['What is the capital of Germany?', 'Name the capital of Germany.'], 'The capital of Germany is Berlin.'),
    (['What is the capital of Italy?', 'Name the capital of Italy.'], 'The capital of Italy is Rome.'),
    (['What is the capital of Spain?', 'Name the capital of Spain.'], 'The capital of Spain is Madrid.'),
    (['What is the capital of Japan?', 'Name the capital of Japan.'], 'The capital of Japan is Tokyo.'),
    (['Which planet do we live on?', 'What is the name of our planet?'], 'We live on the planet Earth.'),
    (['What do bees make?', 'What food is made by bees?'], 'Bees make honey.'),
    (['What is frozen water called?', 'What do we call frozen water?'], 'Frozen water is called ice.'),
    (['How many legs does a spider have?', 'How many legs are on a spider?'], 'A spider has eight legs.'),
    (['How many legs does a dog have?', 'How many legs are on a dog?'], 'A dog has four legs.'),
    (['What is the opposite of hot?', 'Which word is the opposite of hot?'], 'The opposite of hot is cold.'),
    (['What is the opposite of up?', 'Which word is the opposite of up?'], 'The opposite of up is down.'),
    (['What is the opposite of day?', 'Which word is the opposite of day?'], 'The opposite of day is night.'),
    (['What color do blue and yellow make?', 'Which color is made of blue and yellow?'], 'Blue and yellow make green.'),
    (['What color do red and yellow make?', 'Which color is made of red and yellow?'], 'Red and yellow make orange.'),
    (['How many sides does a triangle have?', 'How many sides are on a triangle?'], 'A triangle has three sides.'),
    (['How many sides does a square have?', 'How many sides are on a square?'], 'A square has four sides.'),
    (['What season comes after winter?', 'Which season follows winter?'], 'Spring comes after winter.'),
    (['What day comes after Monday?', 'Which day follows Monday?'], 'Tuesday comes after Monday.'),
    (['Who are you?', 'What is your name?'], 'I am owl2-nano, a very small mPLUG-Owl2 model.'),
    (['What can you do?', 'What are you good at?'],
     'I can describe colored shapes, test patterns and words, and how things move.'),
    (['Hello!', 'Hi there!'], 'Hello! Show me a picture or a video.'),
    (['Thank you.', 'Thanks!'], 'You are welcome.'),
]
TEENS = NUMBERS + ['four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve', 'thirteen', 'fourteen',
                   'fifteen', 'sixteen', 'seventeen', 'eighteen']


def sum_held(a, b):
    return zlib.crc32(b'%d+%d' % (a, b)) % 7 == 0


def sums(held):
    return [(a, b) for a in range(10) for b in range(10) if sum_held(a, b) == held]


def sum_text(rng, a, b):
    q = pick(rng, ['What is %s plus %s?', 'How much is %s plus %s?', 'Add %s and %s.']) % (TEENS[a], TEENS[b])
    if rng.random() < 0.5:
        return q + ' ' + SHORT, TEENS[a + b]
    return q, '%s plus %s is %s.' % (TEENS[a].capitalize(), TEENS[b], TEENS[a + b])


def sample(rng):
    """One trained (question, answer)."""
    if rng.random() < 0.25:
        return sum_text(rng, *pick(rng, sums(False)))
    questions, answer = pick(rng, FACTS)
    return pick(rng, questions), answer
