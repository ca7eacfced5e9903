# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways in which each kind of question is asked.

A form is a list of the card's phrasings and a list of further ones. Of the further
ones every fifth is held out: no training asks so, and `items.py` measures it.
`%s` stands for what is asked about, `the circle` or `it`; `{it}` for a word such
as "picture".  What is no phrasing of the card is also asked without a capital,
without a mark, in British spelling and with contractions.
"""
import re

from vocab import CAPTION_CLIP, CAPTION_IMAGE
from world import pick

CARD, TRAINED, HELD = 'card', 'trained', 'held'
BY_CARD = 0.6           # share of the card's phrasings in training, where a form has any: half of all that is asked
EVERY = 5               # one further phrasing in so many is never trained

IMAGE_WORDS, CLIP_WORDS = ['picture', 'image', 'photo'], ['video', 'video', 'clip']

FORMS = {
    'caption image': (
        [CAPTION_IMAGE, CAPTION_IMAGE, 'Describe the image in one sentence.', 'What is in the image?',
         'What do you see?', 'Describe this picture.'],
        ['What is this?', 'Describe this.', 'What can you see?', 'What is it?',
         'Tell me what you see.', 'What is in the {it}?', 'What does the {it} show?', 'Caption this {it}.',
         'What is happening?', 'What is there in this {it}?', 'What do you see in the {it}?', 'Describe the {it}.',
         'What is shown here?', 'Write a caption for the {it}.', 'What am I looking at?']),
    'caption clip': (
        [CAPTION_CLIP, CAPTION_CLIP, 'Describe the video in one sentence.', 'What happens in the video?',
         'What do you see?', 'Describe this clip.'],
        ['What is happening?', 'What is this?', 'Describe this.', 'What is going on?',
         'Tell me what happens.', 'What is happening in the {it}?', 'What does the {it} show?', 'What happens?',
         'What is it?', 'Say what goes on here.', 'What is in the {it}?', 'What can you see?',
         'Caption this {it}.', 'Describe the {it}.', 'What takes place in the {it}?']),
    'detailed image': (
        ['Describe the image in detail.', 'Give a detailed description of the image.',
         'Describe everything you see and where it is.'],
        ['Describe the {it} in detail.', 'Describe everything in the {it}.', 'Describe this in detail.',
         'What is where in the {it}?', 'Give all the details of the {it}.', 'Tell me everything about this {it}.',
         'Give a long description.', 'Describe all that you see.', 'List everything and where it is.',
         'Describe this {it} at length.']),
    'detailed clip': (
        ['Describe the video in detail.', 'Give a detailed description of the video.',
         'Describe everything you see and what it does.'],
        ['Describe the {it} in detail.', 'Describe everything in the {it}.', 'Describe this in detail.',
         'What does what in the {it}?', 'Give all the details of the {it}.', 'Tell me everything about this {it}.',
         'Give a long description.', 'Describe all that happens.', 'List everything and what it does.',
         'Describe this {it} at length.']),
    'what': ([], [
        'What is this?', 'What is it?', 'What does the {it} show?', 'What is shown here?', 'What is here?',
        'What does this {it} show?', 'What is in this {it}?', 'What is in the {it}?', 'What can you see?',
        'What have we here?']),
    'thing': ([], [
        'What thing is this?', 'Which thing do you see?', 'What is the thing called?', 'What thing is it?',
        'What do you call this thing?', 'What is this thing?', 'Name the thing.', 'Which thing is this?', 'What thing is there?',
        'Which thing is in the {it}?']),
    'colour': (
        ['What color is %s?', 'What is the color of %s?', 'Which color does %s have?'],
        ['Which color is %s?', 'What color does %s have?', 'Tell me the color of %s.', 'Name the color of %s.',
         'In what color is %s?', 'Of which color is %s?', 'Say the color of %s.', 'What is the color of %s in the {it}?',
         'What color is %s in the {it}?', 'How is %s colored?']),
    'it colour': ([], [
        'What color is it?', 'What color is this?', 'What is the color?', 'Which color is it?', 'What is its color?',
        'What color do you see?', 'Which color do you see?', 'What color is there?', 'Name the color.',
        'Tell me its color.']),
    'shape': (
        ['What shape is the %s object?', 'Which shape is %s?', 'What is the shape of the %s object?'],
        ['What shape is the %s thing?', 'What is the %s object?', 'What is the %s thing?', 'What shape is %s?',
         'What form does the %s object have?', 'Which shape is the %s object?', 'Which shape does the %s object have?',
         'Name the %s shape.', 'What is %s in the {it}?', 'What kind of shape is the %s one?']),
    'it shape': (
        ['What shape is there?', 'Which shape do you see?'],
        ['What shape is it?', 'What shape is this?', 'Which shape is this?', 'What shapes are there?',
         'Name the shape.', 'Which shapes do you see?', 'What shapes do you see?', 'What is the shape?',
         'What shape is in the {it}?', 'Which shapes are in the {it}?', 'List the shapes.', 'Name the shapes.',
         'What shapes are in the {it}?', 'What shape can you see?', 'Tell me the shapes.']),
    'size': (
        ['How big is %s?', 'What size is %s?', 'Is %s small or large?'],
        ['How large is %s?', 'What is the size of %s?', 'Is %s large or small?', 'Which size has %s?',
         'Of what size is %s?', 'What size does %s have?', 'Is %s big or small?', 'How big is %s in the {it}?',
         'Tell me the size of %s.', 'How small is %s?']),
    'count': (
        ['How many %s are there?', 'Count the %s.', 'How many %s do you see?'],
        ['How many %s?', 'How many %s can you see?', 'How many %s are in the {it}?', 'What is the number of %s?',
         'Tell me how many %s there are.', 'How many %s does the {it} show?', 'Number of %s?', 'Count all %s.',
         'How many %s are shown?', 'How many %s does it have?']),
    'where': (
        ['Where is %s?', 'In which part of the picture is %s?', 'Where do you see %s?'],
        ['Where can you see %s?', 'Where is %s in the {it}?', 'Where in the {it} is %s?', 'Tell me where %s is.',
         'In what part of the {it} is %s?', 'At which place is %s?', 'Whereabouts is %s?', 'Where is %s placed?',
         'What is the position of %s?', 'Where does the {it} show %s?']),
    'row': (
        ['Is %s at the top, in the middle or at the bottom?', 'In which row is %s?'],
        ['Is %s at the top, middle or bottom?', 'How high is %s?', 'Which row is %s in?', 'In what row is %s?',
         'In which row do you see %s?', 'Is %s high, in the middle or low?', 'Top, middle or bottom: where is %s?',
         'Is %s at the bottom, in the middle or at the top?', 'At what height is %s?', 'What row is %s in?']),
    'column': (
        ['Is %s on the left, in the middle or on the right?', 'In which column is %s?'],
        ['Is %s left, middle or right?', 'On which side is %s?', 'Which column is %s in?', 'In what column is %s?',
         'In which column do you see %s?', 'Is %s at the left, in the middle or at the right?',
         'Left, middle or right: where is %s?', 'Is %s on the right, in the middle or on the left?',
         'On what side is %s?', 'What column is %s in?']),
    'what is at': (
        ['What is %s?', 'Which object is %s?', 'What do you see %s?'],
        ['What can you see %s?', 'Which thing is %s?', 'What is there %s?', 'What is %s in the {it}?',
         'What is shown %s?', 'Is there anything %s?', 'Which shape is %s?', 'What object is %s?', 'Tell me what is %s.',
         'What does the {it} show %s?']),
    'is there': (
        ['Is there %s?', 'Do you see %s?', 'Can you see %s?'],
        ['Is there %s in the {it}?', 'Do you see %s in the {it}?', 'Is %s there?', 'Does the {it} show %s?',
         'Can %s be seen?', 'Is %s in the {it}?', 'Is there %s here?', 'Does it show %s?', 'Is this %s?',
         'Does the {it} have %s?']),
    'are there': ([], [
        'Are there any %s?', 'Are there %s?', 'Do you see any %s?', 'Are there any %s in the {it}?',
        'Can you see any %s?', 'Are there any %s here?', 'Does the {it} show any %s?', 'Do you see %s?',
        'Are there %s in the {it}?', 'Does it have any %s?']),
    'is count': ([], [
        'Are there %s?', 'Do you see %s?', 'Are there %s in the {it}?', 'Can you see %s?', 'Does the {it} contain %s?',
        'Is it true that there are %s?', 'Are there just %s?', 'Does it show %s?', 'Are there %s here?',
        'Are %s there?']),
    'is colour': ([], [
        'Is %s %s?', 'Is the color of %s %s?', 'Does %s look %s?', 'Is %s colored %s?', 'Is the color of %s really %s?',
        'Is %s %s in the {it}?', 'Would you say that %s is %s?', 'Is it true that %s is %s?', 'Do you see that %s is %s?',
        'Tell me if the color of %s is %s.']),
    'is shape': ([], [
        'Is %s %s?', 'Is the shape of %s %s?', 'Does %s look like %s?', 'Is it true that %s is %s?',
        'Has %s the shape of %s?', 'Is %s really %s?', 'Would you say that %s is %s?', 'Is %s in the {it} %s?',
        'Can you see if %s is %s?', 'Do you think %s is %s?']),
    'direction': (
        ['In which direction does %s move?', 'Which way does %s move?', 'Where is %s going?'],
        ['Which way is %s going?', 'In what direction is %s moving?', 'Where does %s go?', 'Where is %s moving?',
         'Towards which side does %s move?', 'Which way is %s moving?', 'What direction does %s move in?',
         'Where does %s move?', 'In which direction is %s going?', 'Where is %s headed?']),
    'action': (
        ['What does %s do?', 'What is %s doing?', 'What happens to %s?'],
        ['What is happening to %s?', 'What is %s up to?', 'Tell me what %s does.', 'What does %s do in the {it}?',
         'How does %s behave?', 'What is happening with %s?', 'Say what %s is doing.', 'What is %s doing in the {it}?',
         'What happens with %s?', 'What goes on with %s?']),
    'is moving': (
        ['Is %s moving?', 'Does %s move?'],
        ['Is %s in motion?', 'Does %s move in the {it}?', 'Can you see %s move?', 'Do you see %s move?',
         'Is %s on the move?', 'Is %s going anywhere?', 'Does %s go anywhere?', 'Is %s moving in the {it}?',
         'Is it true that %s moves?', 'Does %s change its place?']),
    'does it': ([], [
        'Does %s %s?', 'Do you see %s %s?', 'Can you see %s %s?', 'Does %s %s in the {it}?', 'Did %s %s?',
        'Would you say that %s does %s?', 'Does %s really %s?', 'Is it so that %s does %s?', 'Tell me if %s does %s.',
        'Can one see %s %s?']),
    'anything moving': ([], [
        'Is anything moving?', 'Does anything move?', 'Is something moving?', 'Does something move?',
        'Is there any motion?', 'Is there motion in the {it}?', 'Do you see anything move?', 'Is there anything moving?',
        'Does anything move in the {it}?', 'Is there any movement?']),
    'background': (
        ['What is the background?', 'What is the background like?', 'Describe the background.'],
        ['What color is the background?', 'What is the color of the background?', 'Which color does the background have?',
         'Which color is the background?', 'What is behind everything?', 'What background is there?',
         'What kind of background is it?', 'How does the background look?', 'What background does the {it} have?',
         'Name the color of the background.', 'What is in the background?', 'What background color is it?',
         'What is the background color?', 'Tell me the background color.', 'What does the background look like?']),
    'is background': ([], [
        'Is the background %s?', 'Is the color of the background %s?', 'Does it have a background that is %s?',
        'Is the background of the {it} %s?', 'Is it %s in the background?', 'Is the background %s or not?',
        'Is the background color %s?', 'Does the background look %s?', 'Is it true that the background is %s?',
        'Would you call the background %s?']),
    'pattern': (
        ['Which test pattern is this?', 'What test pattern is shown?', 'Name the test pattern.'],
        ['What test pattern is this?', 'Which test pattern is it?', 'Which test pattern do you see?',
         'What is the test pattern?', 'What kind of test pattern is this?', 'Which test pattern does the {it} show?',
         'Name this test pattern.', 'What pattern is this?', 'Which pattern is it?', 'Tell me the test pattern.']),
    'is pattern': ([], [
        'Is this a test pattern?', 'Is it a test pattern?', 'Is there a test pattern?', 'Do you see a test pattern?',
        'Does this look like a test pattern?', 'Does the {it} show a test pattern?', 'Is that a test pattern?',
        'Is a test pattern shown?', 'Can you see a test pattern?', 'Would you call this a test pattern?']),
    'text': (
        ['What does the text say?', 'Read the text.', 'What word is written here?'],
        ['What does it say?', 'What is written here?', 'What is the text?', 'What word is it?',
         'What is written in the {it}?', 'Which word do you see?', 'What does the word say?', 'Read this.',
         'What is the word?', 'What text can you see?', 'What text is in the {it}?', 'Which word is shown?',
         'What is written there?', 'Read the word.', 'What text is there?']),
    'is text': ([], [
        'Is there any text?', 'Is there text?', 'Do you see any text?', 'Is there any text in the {it}?',
        'Can you see text?', 'Is anything written here?', 'Does the {it} have text?', 'Is there a word?',
        'Is something written in the {it}?', 'Is there any writing?', 'Does it say anything?', 'Is there a text here?',
        'Do you see text in the {it}?', 'Do you see a word?', 'Does the {it} contain any text?']),
    'says': ([], [
        'Does the text say %s?', 'Does it say %s?', 'Is the word %s?', 'Is it the word %s?', 'Does the {it} say %s?',
        'Is the text %s?', 'Do you see the word %s?', 'Is the word %s in the {it}?', 'Is there the word %s?',
        'Can you read %s?']),
    'text colour': (
        ['What color is the text?', 'What is the color of the text?', 'Which color does the text have?'],
        ['Which color is the text?', 'What color is the word?', 'What color does the text have?',
         'What is the color of the word?', 'In what color is the text?', 'What color are the letters?',
         'Name the color of the text.', 'In which color is the word written?', 'Tell me the color of the text.',
         'What color is the writing?']),
}
# Asked after what is not there: as after what is.
for missing, form in (('missing colour', 'colour'), ('missing place', 'where')):
    FORMS[missing] = (FORMS[form][0][:2] if form == 'colour' else [FORMS[form][0][0], FORMS[form][0][2]], FORMS[form][1])


def trained(more):
    return [p for i, p in enumerate(more) if i % EVERY != EVERY - 1]


def held(more):
    return more[EVERY - 1::EVERY]


BRITISH = [(re.compile(a), b) for a, b in ((r'([Cc])olor', r'\1olour'), (r'\bgray', 'grey'), (r'\bcenter', 'centre'))]
SHORTER = [(re.compile(a), b) for a, b in ((r"\b(What|Where|Who|That|It|There|How|what|where) is\b", r"\1's"),
                                           (r"\bDo not\b", "Don't"))]


def casual(rng, question):
    """The question as somebody types it"""
    r = rng.random(4)
    for chance, ways in ((r[0], BRITISH), (r[1], SHORTER)):
        if chance < 0.3:
            for pattern, instead in ways:
                question = pattern.sub(instead, question)
    if r[2] < 0.3:
        question = question.lower()
    return question.rstrip('?.!') if r[3] < 0.3 else question


def choose(rng, card, more, way):
    """One of the phrasings, and whether it is one of the card's; way: CARD, TRAINED or HELD"""
    if card and (way == CARD or way == TRAINED and rng.random() < BY_CARD):
        return pick(rng, card), True
    return pick(rng, held(more) if way == HELD else trained(more)), False


def phrase(rng, form, slots, way, clip=False):
    """A question of this form about `slots`"""
    text, by_card = choose(rng, *FORMS[form], way)
    if '{it}' in text:
        text = text.replace('{it}', pick(rng, CLIP_WORDS if clip else IMAGE_WORDS))
    text = text % slots
    return text if by_card or way == CARD else casual(rng, text)
